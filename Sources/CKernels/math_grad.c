// Gradients of elementwise functions and of softmax, vectorised by the compiler.
#include "ck_math_grad.h"

#include <math.h>

#include "ck_reduce.h"
#include "dispatch.h"
#include "vector_math.h"

enum { block = 256, width = 64 };

static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }

// gx[i] depends only on the elements with index i, so gx may be x, y or g.
#define CK_SLOPE(expression)                                                                \
  {                                                                                         \
    _Pragma("clang loop vectorize(assume_safety)") for (size_t i = 0; i < n; i++) {         \
      float v = x[i];                                                                       \
      gx[i] = (expression)*g[i];                                                            \
    }                                                                                       \
  }

#define CK_GRADIENT(name, expression)                                                       \
  CK_VERSIONS(void, name,                                                                   \
              (const float *x, const float *g, float *gx, size_t n), (x, g, gx, n))         \
      CK_SLOPE(expression)

// (1 + erf(x / √2)) / 2 + x e^(-x² / 2) / √(2 π)
static inline float gelu_slope(float x) {
  float t = fabsf(x) > 12.0f ? copysignf(12.0f, x) : x;
  return 0.5f * (1.0f + vm_erf(t * 0.70710678118654752f)) +
         t * 0.39894228040143268f * exp1(-0.5f * t * t);
}

// With s = sigmoid(2 u) = (1 + tanh u) / 2: s + x s (1 - s) 2 u'
static inline float gelu_tanh_slope(float x) {
  float t = fabsf(x) > 12.0f ? copysignf(12.0f, x) : x;
  float square = t * t;
  float s = sigmoid1(1.5957691216057308f * (t + 0.044715f * square * t));
  return s + t * s * (1.0f - s) * 1.5957691216057308f * (1.0f + 0.134145f * square);
}

static inline float swish_slope(float x, float alpha) {
  float t = alpha * x;
  float s = sigmoid1(t);
  float rest = t * s * (1.0f - s);
  return s + (fabsf(t) > 100.0f ? 0.0f : rest);
}

CK_GRADIENT(ck_sigmoid_grad, v *(1.0f - v))
CK_GRADIENT(ck_tanh_grad, (1.0f - v * v))
CK_GRADIENT(ck_gelu_grad, gelu_slope(v))
CK_GRADIENT(ck_gelu_tanh_grad, gelu_tanh_slope(v))
CK_GRADIENT(ck_softplus_grad, sigmoid1(v))
CK_GRADIENT(ck_hard_swish_grad, (v < -3.0f ? 0.0f : v > 3.0f ? 1.0f : v * (1.0f / 3.0f) + 0.5f))

CK_VERSIONS(void, ck_swish_grad,
            (const float *x, const float *g, float *gx, size_t n, float alpha),
            (x, g, gx, n, alpha))
    CK_SLOPE(swish_slope(v, alpha))

CK_VERSIONS(void, ck_leaky_relu_grad,
            (const float *x, const float *g, float *gx, size_t n, float alpha),
            (x, g, gx, n, alpha))
    CK_SLOPE((v > 0.0f ? 1.0f : alpha))

CK_VERSIONS(void, ck_relu_grad,
            (const float *y, const float *g, float *gx, size_t n), (y, g, gx, n)) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) gx[i] = y[i] > 0.0f ? g[i] : 0.0f;
}

CK_VERSIONS(void, ck_clip_grad,
            (const float *x, const float *g, float *gx, size_t n, float low, float high),
            (x, g, gx, n, low, high)) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) {
    float v = x[i], t = g[i];
    t = v < low ? 0.0f : t;
    gx[i] = v > high ? 0.0f : t;
  }
}

// Σ g y, summed in blocks so that rounding errors do not grow with n.
CK_STATIC_VERSIONS(double, dot, (const float *y, const float *g, size_t n), (y, g, n)) {
  float part[block];
  double total = 0;
  for (size_t start = 0; start < n; start += block) {
    size_t count = least(block, n - start);
    for (size_t i = 0; i < count; i++) part[i] = y[start + i] * g[start + i];
    total += ck_reduce_sum(part, count);
  }
  return total;
}

CK_STATIC_VERSIONS(void, shifted_product,
                   (const float *y, const float *g, float *gx, size_t n, float shift),
                   (y, g, gx, n, shift)) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) gx[i] = y[i] * (g[i] - shift);
}

CK_STATIC_VERSIONS(void, less_exp,
                   (const float *y, const float *g, float *gx, size_t n, float factor),
                   (y, g, gx, n, factor)) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) gx[i] = g[i] - exp1(y[i]) * factor;
}

void ck_softmax_grad(const float *y, const float *g, float *gx, size_t rows, size_t n) {
  for (size_t row = 0; row < rows; row++, y += n, g += n, gx += n)
    shifted_product(y, g, gx, n, (float)dot(y, g, n));
}

void ck_log_softmax_grad(const float *y, const float *g, float *gx, size_t rows, size_t n) {
  for (size_t row = 0; row < rows; row++, y += n, g += n, gx += n)
    less_exp(y, g, gx, n, (float)ck_reduce_sum(g, n));
}

CK_STATIC_VERSIONS(void, softmax_grad_block,
                   (const float *y, const float *g, float *gx, size_t n, size_t stride,
                    size_t columns), (y, g, gx, n, stride, columns)) {
  float sum[width] = {0};
  for (size_t i = 0; i < n; i++)
#pragma clang loop vectorize(assume_safety)
    for (size_t j = 0; j < columns; j++) sum[j] += y[i * stride + j] * g[i * stride + j];
  for (size_t i = 0; i < n; i++)
#pragma clang loop vectorize(assume_safety)
    for (size_t j = 0; j < columns; j++)
      gx[i * stride + j] = y[i * stride + j] * (g[i * stride + j] - sum[j]);
}

CK_STATIC_VERSIONS(void, log_softmax_grad_block,
                   (const float *y, const float *g, float *gx, size_t n, size_t stride,
                    size_t columns), (y, g, gx, n, stride, columns)) {
  float sum[width] = {0};
  for (size_t i = 0; i < n; i++)
#pragma clang loop vectorize(assume_safety)
    for (size_t j = 0; j < columns; j++) sum[j] += g[i * stride + j];
  for (size_t i = 0; i < n; i++)
#pragma clang loop vectorize(assume_safety)
    for (size_t j = 0; j < columns; j++)
      gx[i * stride + j] = g[i * stride + j] - exp1(y[i * stride + j]) * sum[j];
}

void ck_softmax_grad_columns(
    const float *y, const float *g, float *gx, size_t n, size_t stride, size_t columns) {
  for (size_t j = 0; j < columns; j += width)
    softmax_grad_block(y + j, g + j, gx + j, n, stride, least(width, columns - j));
}

void ck_log_softmax_grad_columns(
    const float *y, const float *g, float *gx, size_t n, size_t stride, size_t columns) {
  for (size_t j = 0; j < columns; j += width)
    log_softmax_grad_block(y + j, g + j, gx + j, n, stride, least(width, columns - j));
}

CK_VERSIONS(void, ck_loss_shares,
            (const float *x, float factor, float *gx, size_t n), (x, factor, gx, n)) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) gx[i] = factor == 0.0f ? 0.0f : -exp1(x[i]) * factor;
}

CK_VERSIONS(void, ck_loss_shares_each,
            (const float *x, const float *factor, float *gx, size_t n), (x, factor, gx, n)) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) gx[i] = factor[i] == 0.0f ? 0.0f : -exp1(x[i]) * factor[i];
}
