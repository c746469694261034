#ifndef CK_RECURRENT_H
#define CK_RECURRENT_H

#include <stddef.h>
#include <stdint.h>

// Products of rows with a constant matrix that was packed before, and the gates of recurrent cells.

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

/// LSTM with its standard activations. `i`, `o`, `f`, `g` hold the sums of the gates; `c` goes from
/// one step's state to the next; `h` is the output. A sigmoid, a tanh and the product of both have
/// errors below 5 units of the last place.
void ck_lstm_cell(const float *i, const float *o, const float *f, const float *g, float *c,
                  float *h, size_t n);

/// GRU, first half: `z` and `r` become the values of their gates, `x = r ∘ h`.
void ck_gru_reset(float *z, float *r, const float *h, float *x, size_t n);
/// GRU, second half: `g` becomes tanh of its sum, `y = (1 - z) ∘ g + z ∘ h`.
void ck_gru_output(const float *z, float *g, const float *h, float *y, size_t n);
/// GRU whose reset gate comes after the product, `a = Rh · h + Rbh`: `z`, `r`, `g` hold the sums of
/// the gates; `y = (1 - z) ∘ tanh(g + r ∘ a) + z ∘ h`. `g` becomes the argument of tanh.
void ck_gru_linear_cell(const float *z, const float *r, float *g, const float *a, const float *h,
                        float *y, size_t n);

#endif
