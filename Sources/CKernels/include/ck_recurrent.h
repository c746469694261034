#ifndef CK_RECURRENT_H
#define CK_RECURRENT_H

#include <stddef.h>
#include <stdint.h>

// Products of rows with a constant matrix that was packed before.

/// One row of a product: `y += x · matrix`.
typedef struct {
  const void *x;
  void *y;
} ck_row;

/// Bytes of units that make a panel of a packed matrix at that level (see ck_simd.h), 64 or 128.
size_t ck_product_panel(int level);

/// `y[g * stride + u] += Σ_k x[k] · w(k, g, u)` for every row, gate `g < gates` and unit
/// `u < units`, with x of type float (f32) or double (f64).
///
/// `packed` holds panels of units, the last one maybe of 64 bytes where others have 128: for each
/// panel, gate and k the weights of the panel's units. `units` fill a multiple of 64 bytes.
/// The sum of an element depends neither on the other rows' values nor on where `units` is cut at
/// panels, only on the number of rows. `backwards` takes the panels from last to first: a matrix
/// larger than the cache, read again and again in alternating order, is found there in part.
void ck_product_f32(int level, const float *packed, size_t k, size_t units, size_t gates,
                    size_t stride, const ck_row *rows, size_t count, int backwards);
void ck_product_f64(int level, const double *packed, size_t k, size_t units, size_t gates,
                    size_t stride, const ck_row *rows, size_t count, int backwards);

#endif
