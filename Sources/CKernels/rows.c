// Sums and scalings of rows, vectorised by the compiler. Partial sums in a fixed order make the
// additions independent.
#include "ck_rows.h"

#include <math.h>

#include "dispatch.h"

#define LANES 32

// Runs STEP for each element i + j in lane j: whole vectors first, then the rest.
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

CK_VERSIONS(float, ck_centered_squares, (const float *x, size_t n, float mean), (x, n, mean)) {
  float part[LANES] = {0};
  OVER_LANES(part[j] += (x[i + j] - mean) * (x[i + j] - mean))
  return total(part);
}

CK_VERSIONS(void, ck_affine,
            (const float *x, float *y, size_t n, float mean, float a, float b),
            (x, y, n, mean, a, b)) {
  for (size_t i = 0; i < n; i++) y[i] = (x[i] - mean) * a + b;
}

CK_VERSIONS(void, ck_channel_affine,
            (const float *x, float *y, size_t rows, size_t plane, size_t first, size_t channels,
             const float *factors, const float *shifts, float low, float high),
            (x, y, rows, plane, first, channels, factors, shifts, low, high)) {
  size_t c = first;
  for (size_t r = 0; r < rows; r++, x += plane, y += plane) {
    const float a = factors[c], b = shifts[c];
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < plane; i++) {
      float v = x[i] * a + b;
      v = low > v ? low : v;
      y[i] = high < v ? high : v;
    }
    c = c + 1 == channels ? 0 : c + 1;
  }
}

CK_VERSIONS(void, ck_normalize,
            (const float *x, float *y, size_t n, float mean, float factor, const float *a,
             const float *b), (x, y, n, mean, factor, a, b)) {
  if (b) {
    for (size_t i = 0; i < n; i++) y[i] = (x[i] - mean) * factor * a[i] + b[i];
  } else {
    for (size_t i = 0; i < n; i++) y[i] = (x[i] - mean) * factor * a[i];
  }
}

// x^(-3/4) needs no logarithm.
static inline float scaled(float x, float base, int three_quarters, float beta) {
  if (three_quarters) {
    float root = __builtin_elementwise_sqrt(base);
    return x / (root * __builtin_elementwise_sqrt(root));
  }
  return x / powf(base, beta);
}

#define BLOCK 256

// The sums of squares over rows low..<high, for each of `n` columns.
static inline void squares(const float *x, size_t plane, size_t low, size_t high, size_t n,
                           float *restrict sum) {
  const float *a = x + low * plane;
  size_t rows = high - low;
  if (rows == 5) {
    const float *b = a + plane, *c = b + plane, *d = c + plane, *e = d + plane;
    for (size_t i = 0; i < n; i++)
      sum[i] = a[i] * a[i] + b[i] * b[i] + c[i] * c[i] + d[i] * d[i] + e[i] * e[i];
    return;
  }
  for (size_t i = 0; i < n; i++) sum[i] = 0;
  for (; rows > 0; rows--, a += plane)
    for (size_t i = 0; i < n; i++) sum[i] += a[i] * a[i];
}

CK_VERSIONS(void, ck_lrn,
            (const float *x, float *y, size_t channels, size_t plane, size_t columns,
             size_t before, size_t after, float alpha, float beta, float bias),
            (x, y, channels, plane, columns, before, after, alpha, beta, bias)) {
  float sum[BLOCK];
  const int three_quarters = beta == 0.75f;
  for (size_t first = 0; first < columns; first += BLOCK) {
    const size_t n = columns - first < BLOCK ? columns - first : BLOCK;
    for (size_t c = 0; c < channels; c++) {
      const size_t low = c < before ? 0 : c - before;
      const size_t high = after < channels - c ? c + after + 1 : channels;
      squares(x + first, plane, low, high, n, sum);
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
