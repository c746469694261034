#ifndef CK_RECURRENT_CELLS_H
#define CK_RECURRENT_CELLS_H

#include <stddef.h>

// The cells of RNN, LSTM and GRU in float32 with the standard's activations, one row of the batch
// at a time. The general cells, in Swift, compute everything else.
//
// Forward, `x` holds the sums of the gates, `stride` elements apart, and `h0` and `h` are the
// hidden state before and after the step. If `b` is NULL, the sums include the biases, and the
// contents of `x` are unspecified afterwards. Otherwise `b` holds the biases, laid out as `x`; the
// cell adds them and leaves the value of every gate in `x`, for the backward pass. The errors of a
// sigmoid, a tanh and their product are below 5 units in the last place.
//
// Backward, `x` holds the values of the gates and `d` receives the gradients of their sums, both
// with a stride of `n`; `s`, laid out as `d`, accumulates them over rows.

/// `h = tanh(x + b)`. `x` is not changed.
void ck_rnn_cell(const float *x, const float *b, float *h, size_t n);
/// `d = (1 - h²) ∘ dh`
void ck_rnn_gradient(const float *h, const float *dh, float *d, float *s, size_t n);

/// Gates i, o, f, g: `c = f ∘ c0 + i ∘ g`, `h = o ∘ tanh(c)`. `c` may be `c0`.
void ck_lstm_cell(float *x, size_t stride, const float *b, const float *c0, float *c, float *h,
                  size_t n);
/// On entry, `dc` is the gradient of c without the part that flows through h; on return, that of
/// c0.
void ck_lstm_gradient(const float *x, const float *c0, const float *c, const float *dh, float *dc,
                      float *d, float *s, size_t n);

/// Gates z, r, g, first half: z and r become their values, and `e = r ∘ h0`.
void ck_gru_reset(float *x, size_t stride, const float *b, const float *h0, float *e, size_t n);
/// Second half: g becomes its value, and `h = (1 - z) ∘ g + z ∘ h0`.
void ck_gru_output(float *x, size_t stride, const float *b, const float *h0, float *h, size_t n);
/// The whole step if the reset gate follows the product (`linear_before_reset`), `e = Rh · h0 +
/// Rbh`:
/// `h = (1 - z) ∘ tanh(g + r ∘ e) + z ∘ h0`.
void ck_gru_linear(float *x, size_t stride, const float *b, const float *h0, const float *e,
                   float *h, size_t n);
/// The gradients of z and g. `dh` becomes the gradient of h0 without the part through the gates.
void ck_gru_gradient(const float *x, const float *h0, float *dh, float *d, float *s, size_t n);
/// The gradient of r from `de`, the gradient of `r ∘ h0`. Adds `r ∘ de` to `dh`.
void ck_gru_reset_gradient(const float *x, const float *h0, const float *de, float *dh, float *d,
                           float *s, size_t n);
/// Like `ck_gru_gradient`, and also the gradients of r and, after that of g, of e.
void ck_gru_linear_gradient(const float *x, const float *h0, const float *e, float *dh, float *d,
                            float *s, size_t n);

#endif
