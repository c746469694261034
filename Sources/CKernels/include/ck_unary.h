#ifndef CK_UNARY_H
#define CK_UNARY_H

#include <stddef.h>

// y[i] = f(x[i]) for i < n; y may be x. NaN gives NaN.
#pragma clang assume_nonnull begin

void ck_abs(const float *x, float *y, size_t n);
void ck_neg(const float *x, float *y, size_t n);
void ck_sign(const float *x, float *y, size_t n);
void ck_floor(const float *x, float *y, size_t n);
void ck_ceil(const float *x, float *y, size_t n);
/// Rounds to the nearest integer, ties to even.
void ck_round(const float *x, float *y, size_t n);
void ck_sqrt(const float *x, float *y, size_t n);
void ck_reciprocal(const float *x, float *y, size_t n);
void ck_log(const float *x, float *y, size_t n);
void ck_sin(const float *x, float *y, size_t n);
void ck_cos(const float *x, float *y, size_t n);
void ck_erf(const float *x, float *y, size_t n);
void ck_relu(const float *x, float *y, size_t n);
void ck_softplus(const float *x, float *y, size_t n);
void ck_softsign(const float *x, float *y, size_t n);
void ck_hard_swish(const float *x, float *y, size_t n);
void ck_mish(const float *x, float *y, size_t n);
void ck_gelu(const float *x, float *y, size_t n);
/// Gelu approximated with tanh.
void ck_gelu_tanh(const float *x, float *y, size_t n);
void ck_leaky_relu(const float *x, float *y, size_t n, float alpha);
void ck_thresholded_relu(const float *x, float *y, size_t n, float alpha);
void ck_swish(const float *x, float *y, size_t n, float alpha);
/// max(0, min(1, alpha x + beta))
void ck_hard_sigmoid(const float *x, float *y, size_t n, float alpha, float beta);
/// gain x where x > 0, else scale (e^(x / width) - 1).
void ck_elu(const float *x, float *y, size_t n, float scale, float width, float gain);
/// min(max(x, low), high)
void ck_clip(const float *x, float *y, size_t n, float low, float high);

#pragma clang assume_nonnull end

#endif
