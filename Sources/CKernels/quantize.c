// Quantisation and dequantisation; the quantised integers are stored as floats.
#include "ck_quantize.h"

#include "dispatch.h"

static inline float quantize(float x, float zero, float low, float high) {
  float y = __builtin_roundevenf(x) + zero;
  y = y >= low ? y : low;
  return y <= high ? y : high;
}

CK_VERSIONS(void, ck_quantize,
            (const float *x, const float *zero, size_t zero_step, float low, float high,
             float *y, size_t n), (x, zero, zero_step, low, high, y, n)) {
  if (zero_step) {
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < n; i++) y[i] = quantize(x[i], zero[i], low, high);
  } else {
    const float z = *zero;
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < n; i++) y[i] = quantize(x[i], z, low, high);
  }
}

CK_VERSIONS(void, ck_dequantize,
            (const float *x, const float *zero, size_t zero_step, const float *scale,
             size_t scale_step, float *y, size_t n),
            (x, zero, zero_step, scale, scale_step, y, n)) {
  if (zero_step || scale_step) {
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < n; i++) y[i] = (x[i] - zero[i * zero_step]) * scale[i * scale_step];
  } else {
    const float z = *zero, s = *scale;
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < n; i++) y[i] = (x[i] - z) * s;
  }
}
