#ifndef CK_RECURRENT_CELLS_H
#define CK_RECURRENT_CELLS_H

#include <stddef.h>

// The cells of RNN, LSTM and GRU in float32 with the standard's activations, one row of the batch
// at a time. The general cells, in Swift, compute everything else.
//
// Forward, `x` holds the sums of the gates, `stride` elements apart, and `h0` and `h` are the hidden
// state before and after the step. The sums include the biases where `b` is NULL. Otherwise `b`
// holds the biases, laid out as `x`; the cell adds them and leaves the value of every gate in `x`,
// as the backward pass needs it. Without `b` the contents of `x` are unspecified afterwards. A
// sigmoid, a tanh and the product of both have errors below 5 units of the last place.
//
// Backward, `x` holds the values of the gates and `d` receives the gradients of their sums, both
// with a stride of `n`; `s`, laid out as `d`, accumulates them over rows.

/// `h = tanh(x + b)`. `x` stays as it is.
void ck_rnn_cell(const float *x, const float *b, float *h, size_t n);
/// `d = (1 - h²) ∘ dh`
void ck_rnn_gradient(const float *h, const float *dh, float *d, float *s, size_t n);

/// Gates i, o, f, g: `c = f ∘ c0 + i ∘ g`, `h = o ∘ tanh(c)`. `c` may be `c0`.
void ck_lstm_cell(float *x, size_t stride, const float *b, const float *c0, float *c, float *h,
                  size_t n);
/// `dc` comes in as the gradient of c without the part that flows through h, and becomes that of c0.
void ck_lstm_gradient(const float *x, const float *c0, const float *c, const float *dh, float *dc,
                      float *d, float *s, size_t n);

/// Gates z, r, g, first half: z and r become the values of their gates, `e = r ∘ h0`.
void ck_gru_reset(float *x, size_t stride, const float *b, const float *h0, float *e, size_t n);
/// Second half: g becomes its value, `h = (1 - z) ∘ g + z ∘ h0`.
void ck_gru_output(float *x, size_t stride, const float *b, const float *h0, float *h, size_t n);
/// The whole step where the reset gate comes after the product, `e = Rh · h0 + Rbh`:
/// `h = (1 - z) ∘ tanh(g + r ∘ e) + z ∘ h0`.
void ck_gru_linear(float *x, size_t stride, const float *b, const float *h0, const float *e,
                   float *h, size_t n);
/// The gradients of z and g. `dh` becomes the gradient of h0 without what flows through gates.
void ck_gru_gradient(const float *x, const float *h0, float *dh, float *d, float *s, size_t n);
/// The gradient of r from `de`, the gradient of `r ∘ h0`, whose part by h0 is added to `dh`.
void ck_gru_reset_gradient(const float *x, const float *h0, const float *de, float *dh, float *d,
                           float *s, size_t n);
/// As `ck_gru_gradient`, and the gradients of r and, after that of g, of e.
void ck_gru_linear_gradient(const float *x, const float *h0, const float *e, float *dh, float *d,
                            float *s, size_t n);

#endif
