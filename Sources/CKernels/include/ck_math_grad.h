#ifndef CK_MATH_GRAD_H
#define CK_MATH_GRAD_H

#include <stddef.h>

// Gradients of elementwise functions, softmax, and losses with softmax. g is the gradient with
// respect to the result; gx, with respect to the input, may be any of the other arrays.
#pragma clang assume_nonnull begin

// Functions of the result y.
void ck_relu_grad(const float *y, const float *g, float *gx, size_t n);
void ck_sigmoid_grad(const float *y, const float *g, float *gx, size_t n);
void ck_tanh_grad(const float *y, const float *g, float *gx, size_t n);

// Functions of the input x.
void ck_gelu_grad(const float *x, const float *g, float *gx, size_t n);
void ck_gelu_tanh_grad(const float *x, const float *g, float *gx, size_t n);
void ck_softplus_grad(const float *x, const float *g, float *gx, size_t n);
void ck_hard_swish_grad(const float *x, const float *g, float *gx, size_t n);
void ck_leaky_relu_grad(const float *x, const float *g, float *gx, size_t n, float alpha);
void ck_swish_grad(const float *x, const float *g, float *gx, size_t n, float alpha);
/// g where low <= x <= high, else 0.
void ck_clip_grad(const float *x, const float *g, float *gx, size_t n, float low, float high);

/// gx = y (g - Σ g y) for rows of n elements.
void ck_softmax_grad(const float *y, const float *g, float *gx, size_t rows, size_t n);
/// gx = g - e^y Σ g for rows of n elements.
void ck_log_softmax_grad(const float *y, const float *g, float *gx, size_t rows, size_t n);
/// The same for columns of n elements that are `stride` apart.
void ck_softmax_grad_columns(
    const float *y, const float *g, float *gx, size_t n, size_t stride, size_t columns);
void ck_log_softmax_grad_columns(
    const float *y, const float *g, float *gx, size_t n, size_t stride, size_t columns);

/// gx = -factor e^x, or 0 if the factor is 0.
void ck_loss_shares(const float *x, float factor, float *gx, size_t n);
/// gx[i] = -factor[i] e^x[i], or 0 where factor[i] is 0.
void ck_loss_shares_each(const float *x, const float *factor, float *gx, size_t n);

#pragma clang assume_nonnull end

#endif
