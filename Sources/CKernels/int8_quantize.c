// Dynamic quantisation of the factors of 8-bit products (see ck_int8.h).
#include "ck_int8.h"

#include "dispatch.h"

// Independent ranges, as many as an addition's latency hides.
#define PARTS 64

CK_VERSIONS(void, ck_int8_range, (const float *x, ptrdiff_t n, float *low, float *high),
            (x, n, low, high)) {
  float least[PARTS], most[PARTS];
  for (int p = 0; p < PARTS; p++) least[p] = *low, most[p] = *high;
  ptrdiff_t i = 0;
  for (; i + PARTS <= n; i += PARTS) {
    UNROLL for (int p = 0; p < PARTS; p++) {
      least[p] = x[i + p] < least[p] ? x[i + p] : least[p];
      most[p] = x[i + p] > most[p] ? x[i + p] : most[p];
    }
  }
  for (int p = 0; i < n; i++, p++) {
    least[p] = x[i] < least[p] ? x[i] : least[p];
    most[p] = x[i] > most[p] ? x[i] : most[p];
  }
  for (int half = PARTS / 2; half > 0; half /= 2) {
    for (int p = 0; p < half; p++) {
      least[p] = least[p + half] < least[p] ? least[p + half] : least[p];
      most[p] = most[p + half] > most[p] ? most[p + half] : most[p];
    }
  }
  *low = least[0];
  *high = most[0];
}

CK_VERSIONS(void, ck_int8_quantize,
            (const float *x, ptrdiff_t n, float scale, float zero, uint8_t *y),
            (x, n, scale, zero, y)) {
  // Clipping to whole numbers may come before rounding.
  const float low = -zero, high = 255.0f - zero;
#pragma clang loop vectorize(assume_safety)
  for (ptrdiff_t i = 0; i < n; i++) {
    float v = x[i] / scale;
    v = v >= low ? v : low;
    v = v <= high ? v : high;
    // Adding 1.5 · 2²³ rounds to an integer.
    y[i] = (uint8_t)(int32_t)(v + 12582912.0f - 12582912.0f + zero);
  }
}
