// Sums and scalings of rows, vectorised by the compiler: partial sums stand in for the one that the
// order of additions would otherwise serialise.
#include "ck_rows.h"

#include <math.h>

#include "dispatch.h"

#define LANES 32

// Runs `STEP(j)` for all elements i + j, a lane j for each: whole vectors first, then fewer.
#define OVER_LANES(STEP)                                  \
  size_t i = 0;                                           \
  for (; i + LANES <= n; i += LANES)                      \
    for (int j = 0; j < LANES; j++) STEP;                 \
  for (; i + 8 <= n; i += 8)                              \
    for (int j = 0; j < 8; j++) STEP;                     \
  for (int j = 0; i < n; i++) STEP;

static inline float total(float *part) {
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) part[i] += part[i + width];
  return part[0];
}

CK_MULTIVERSION float ck_centered_squares(const float *x, size_t n, float mean) {
  float part[LANES] = {0};
  OVER_LANES(part[j] += (x[i + j] - mean) * (x[i + j] - mean))
  return total(part);
}

CK_MULTIVERSION void ck_affine(const float *x, float *y, size_t n, float mean, float a, float b) {
  for (size_t i = 0; i < n; i++) y[i] = (x[i] - mean) * a + b;
}

CK_MULTIVERSION void ck_normalize(const float *x, float *y, size_t n, float mean, float factor,
                                  const float *a, const float *b) {
  if (b) {
    for (size_t i = 0; i < n; i++) y[i] = (x[i] - mean) * factor * a[i] + b[i];
  } else {
    for (size_t i = 0; i < n; i++) y[i] = (x[i] - mean) * factor * a[i];
  }
}

// x^-3/4 needs no logarithm.
static inline float scaled(float x, float base, int three_quarters, float beta) {
  if (three_quarters) {
    float root = __builtin_elementwise_sqrt(base);
    return x / (root * __builtin_elementwise_sqrt(root));
  }
  return x / powf(base, beta);
}

#define BLOCK 256

CK_MULTIVERSION void ck_lrn(const float *x, float *y, size_t channels, size_t plane, size_t before,
                            size_t after, float alpha, float beta, float bias) {
  float sum[BLOCK];
  const int three_quarters = beta == 0.75f;
  for (size_t first = 0; first < plane; first += BLOCK) {
    const size_t n = plane - first < BLOCK ? plane - first : BLOCK;
    for (size_t c = 0; c < channels; c++) {
      const size_t low = c < before ? 0 : c - before;
      const size_t high = after < channels - c ? c + after + 1 : channels;
      for (size_t i = 0; i < n; i++) sum[i] = 0;
      for (size_t other = low; other < high; other++) {
        const float *row = x + other * plane + first;
        for (size_t i = 0; i < n; i++) sum[i] += row[i] * row[i];
      }
      const float *row = x + c * plane + first;
      float *result = y + c * plane + first;
      if (three_quarters) {
        for (size_t i = 0; i < n; i++) result[i] = scaled(row[i], bias + alpha * sum[i], 1, beta);
      } else {
        for (size_t i = 0; i < n; i++) result[i] = scaled(row[i], bias + alpha * sum[i], 0, beta);
      }
    }
  }
}
