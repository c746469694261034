// Softmax and LogSoftmax along rows and along columns.
#include "ck_softmax.h"

#include <math.h>

#include "ck_reduce.h"
#include "dispatch.h"
#include "vector_math.h"

enum { block = 256, width = 64 };

static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }

CK_STATIC_VERSIONS(void, exp_shifted,
                   (const float *x, float *y, size_t n, float shift), (x, y, n, shift)) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) y[i] = exp1(x[i] - shift);
}

CK_STATIC_VERSIONS(void, scale, (float *y, size_t n, float factor), (y, n, factor)) {
  for (size_t i = 0; i < n; i++) y[i] *= factor;
}

CK_STATIC_VERSIONS(void, subtract,
                   (const float *x, float *y, size_t n, float first, float second),
                   (x, y, n, first, second)) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) y[i] = (x[i] - first) - second;
}

void ck_softmax(const float *x, float *y, size_t rows, size_t n) {
  for (size_t row = 0; row < rows; row++, x += n, y += n) {
    float greatest = ck_reduce_max(x, n, -INFINITY);
    exp_shifted(x, y, n, greatest);
    scale(y, n, (float)(1.0 / ck_reduce_sum(y, n)));
  }
}

void ck_log_softmax(const float *x, float *y, size_t rows, size_t n) {
  float part[block];
  for (size_t row = 0; row < rows; row++, x += n, y += n) {
    float greatest = ck_reduce_max(x, n, -INFINITY);
    double sum = 0;
    for (size_t start = 0; start < n; start += block) {
      size_t count = least(block, n - start);
      exp_shifted(x + start, part, count, greatest);
      sum += ck_reduce_sum(part, count);
    }
    subtract(x, y, n, greatest, (float)log(sum));
  }
}

static inline void columns_greatest(
    const float *x, size_t n, size_t stride, size_t columns, float *greatest) {
  for (size_t j = 0; j < columns; j++) greatest[j] = -INFINITY;
  ck_reduce_max_rows(x, stride, n, greatest, columns);
}

CK_STATIC_VERSIONS(void, softmax_block,
                   (const float *x, float *y, size_t n, size_t stride, size_t columns),
                   (x, y, n, stride, columns)) {
  float greatest[width], sum[width] = {0};
  columns_greatest(x, n, stride, columns, greatest);
  for (size_t i = 0; i < n; i++) {
#pragma clang loop vectorize(assume_safety)
    for (size_t j = 0; j < columns; j++) {
      float e = exp1(x[i * stride + j] - greatest[j]);
      y[i * stride + j] = e;
      sum[j] += e;
    }
  }
  for (size_t j = 0; j < columns; j++) sum[j] = 1.0f / sum[j];
  for (size_t i = 0; i < n; i++)
#pragma clang loop vectorize(assume_safety)
    for (size_t j = 0; j < columns; j++) y[i * stride + j] *= sum[j];
}

CK_STATIC_VERSIONS(void, log_softmax_block,
                   (const float *x, float *y, size_t n, size_t stride, size_t columns),
                   (x, y, n, stride, columns)) {
  float greatest[width], sum[width] = {0};
  columns_greatest(x, n, stride, columns, greatest);
  for (size_t i = 0; i < n; i++)
#pragma clang loop vectorize(assume_safety)
    for (size_t j = 0; j < columns; j++) sum[j] += exp1(x[i * stride + j] - greatest[j]);
  for (size_t j = 0; j < columns; j++) sum[j] = vm_log(sum[j]);
  for (size_t i = 0; i < n; i++)
#pragma clang loop vectorize(assume_safety)
    for (size_t j = 0; j < columns; j++)
      y[i * stride + j] = (x[i * stride + j] - greatest[j]) - sum[j];
}

void ck_softmax_columns(const float *x, float *y, size_t n, size_t stride, size_t columns) {
  for (size_t j = 0; j < columns; j += width)
    softmax_block(x + j, y + j, n, stride, least(width, columns - j));
}

void ck_log_softmax_columns(const float *x, float *y, size_t n, size_t stride, size_t columns) {
  for (size_t j = 0; j < columns; j += width)
    log_softmax_block(x + j, y + j, n, stride, least(width, columns - j));
}
