#ifndef CK_RECURRENT_H
#define CK_RECURRENT_H

#include <stddef.h>
#include <stdint.h>

// Products of rows with a packed constant matrix.

/// One row of a product: `y += x · matrix`.
typedef struct {
  const void *x;
  void *y;
} ck_row;

/// The size in bytes of the units in a panel of a packed matrix at `level` (see ck_simd.h): 64 or
/// 128.
size_t ck_product_panel(int level);

/// `y[g * stride + u] += Σ_k x[k] · w(k, g, u)` for every row, gate `g < gates` and unit
/// `u < units`, with x of type float (f32) or double (f64).
///
/// `packed` holds, for each panel, gate and k, the weights of the panel's units. The last panel may
/// have 64 bytes when the others have 128; `units` fill a multiple of 64 bytes. The bits of a row
/// depend neither on the other rows nor on their number, nor on how `units` are split at panels.
/// `backwards` reads the panels from last to first. Alternate the direction for a matrix that is
/// larger than the cache, so that each pass finds the end of the one before in the cache.
void ck_product_f32(int level, const float *packed, size_t k, size_t units, size_t gates,
                    size_t stride, const ck_row *rows, size_t count, int backwards);
void ck_product_f64(int level, const double *packed, size_t k, size_t units, size_t gates,
                    size_t stride, const ck_row *rows, size_t count, int backwards);

#endif
