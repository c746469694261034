#ifndef CK_RECURRENT_TRAINING_H
#define CK_RECURRENT_TRAINING_H

#include <stddef.h>

// The standard cells of RNN, LSTM and GRU while they are trained, one row of the batch at a time.
// Gates lie `n` elements apart, as do their biases `b` and the gradients `d` of their sums; `s` has
// the layout of `d` and is what rows add up to.

/// `h = tanh(x + b)`
void ck_rnn_training_cell(const float *x, const float *b, float *h, size_t n);
/// `d = (1 - h²) ∘ dh`
void ck_rnn_training_gradient(const float *h, const float *dh, float *d, float *s, size_t n);

/// Gates i, o, f, g: `x` holds their sums without the bias and gets their values;
/// `c = f ∘ c0 + i ∘ g`, `h = o ∘ tanh(c)`.
void ck_lstm_training_cell(float *x, const float *b, const float *c0, float *c, float *h,
                           size_t n);
/// `dc` is the gradient by c but for the part that comes through h, and becomes that by c0.
void ck_lstm_training_gradient(const float *x, const float *c0, const float *c, const float *dh,
                               float *dc, float *d, float *s, size_t n);

/// Gates z, r of z, r, g get their values, and `e = r ∘ h0`.
void ck_gru_training_reset(float *x, const float *b, const float *h0, float *e, size_t n);
/// Gate g gets its value, `h = (1 - z) ∘ g + z ∘ h0`.
void ck_gru_training_output(float *x, const float *b, const float *h0, float *h, size_t n);
/// All of a step whose reset gate comes after the product, `e = Rh · h0 + Rbh`.
void ck_gru_training_linear(float *x, const float *b, const float *h0, const float *e, float *h,
                            size_t n);
/// The gradients by z and g; `dh` becomes that by h0 without what comes through gates.
void ck_gru_training_gradient(const float *x, const float *h0, float *dh, float *d, float *s,
                              size_t n);
/// The gradient by r from `de`, that by `r ∘ h0`, which adds to `dh`.
void ck_gru_training_reset_gradient(const float *x, const float *h0, const float *de, float *dh,
                                    float *d, float *s, size_t n);
/// As `ck_gru_training_gradient`, and the gradients by r and, behind g's, by e.
void ck_gru_training_linear_gradient(const float *x, const float *h0, const float *e, float *dh,
                                     float *d, float *s, size_t n);

#endif
