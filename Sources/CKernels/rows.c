// Sums and scalings of rows, vectorised by the compiler: 64 partial sums stand in for the one that
// the order of additions would otherwise serialise.
#include "ck_rows.h"

#include <math.h>

#include "dispatch.h"

#define LANES 64

static inline float total(float *part) {
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) part[i] += part[i + width];
  return part[0];
}

CK_MULTIVERSION float ck_sum(const float *x, size_t n) {
  float part[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++) part[j] += x[i + j];
  for (int j = 0; i < n; i++, j++) part[j] += x[i];
  return total(part);
}

CK_MULTIVERSION float ck_sum_squares(const float *x, size_t n, float mean) {
  float part[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++) part[j] += (x[i + j] - mean) * (x[i + j] - mean);
  for (int j = 0; i < n; i++, j++) part[j] += (x[i] - mean) * (x[i] - mean);
  return total(part);
}

static inline float larger(float best, float x) { return x > best || x != x ? x : best; }

CK_MULTIVERSION float ck_max(const float *x, size_t n) {
  float part[LANES];
  for (int j = 0; j < LANES; j++) part[j] = -INFINITY;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++) part[j] = larger(part[j], x[i + j]);
  for (int j = 0; i < n; i++, j++) part[j] = larger(part[j], x[i]);
  for (int j = 1; j < LANES; j++) part[0] = larger(part[0], part[j]);
  return part[0];
}

CK_MULTIVERSION void ck_scale_shift(const float *x, float *y, size_t n, float a, float b) {
  for (size_t i = 0; i < n; i++) y[i] = x[i] * a + b;
}

CK_MULTIVERSION void ck_normalize(const float *x, float *y, size_t n, float mean, float factor,
                                  const float *a, const float *b) {
  if (b) {
    for (size_t i = 0; i < n; i++) y[i] = (x[i] - mean) * factor * a[i] + b[i];
  } else {
    for (size_t i = 0; i < n; i++) y[i] = (x[i] - mean) * factor * a[i];
  }
}
