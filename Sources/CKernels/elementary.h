// Elementary functions of one float, in straight-line code that the compiler can vectorise. Call
// them in the loops of CK_VERSIONS functions. Errors are below 3 units in the last place.
#ifndef CK_ELEMENTARY_H
#define CK_ELEMENTARY_H

#include <math.h>
#include <stdint.h>

// Cephes-style exp: x = n ln 2 + r, |r| <= ln 2 / 2, and a polynomial of degree 6 for e^r.
// Below -103.97 the result is 0, above 88.72 infinity; NaN stays NaN.
static inline float exp1(float x) {
  float clamped = x > 88.8f ? 88.8f : x;
  clamped = clamped < -104.0f ? -104.0f : clamped;
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  float rounded = clamped * 1.44269504088896341f + magic;
  float n = rounded - magic;
  float r = clamped - n * 0.693145751953125f;
  r = r - n * 1.42860682030941723212e-6f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // 2^n as two factors, because n ranges from -150 to 128.
  int whole = (int)n;
  int half = whole >> 1;
  union { int32_t i; float f; } a = {(half + 127) << 23}, b = {(whole - half + 127) << 23};
  float y = p * a.f * b.f;
  return x != x ? x : y;
}

// x = n ln 2 + r with |r| <= ln 2 / 2, for -87.3366 <= x < 88.72. Returns e^r - 1 and stores 2^n
// (infinity for n = 128).
static inline float exp_parts1(float x, float *scale) {
  const float magic = 12582912.0f;  // adding it leaves an integer in the lowest bits
  union { float f; uint32_t i; } shifted = {x * 1.44269504088896341f + magic}, power;
  float n = shifted.f - magic;
  float r = x - n * 0.693145751953125f;
  r = r - n * 1.42860682030941723212e-6f;
  float p = 1.3814541e-3f;
  p = p * r + 8.3687454e-3f;
  p = p * r + 4.1668389e-2f;
  p = p * r + 1.6666521e-1f;
  p = p * r + 4.9999994e-1f;
  power.i = (shifted.i << 23) + 0x3f800000u;
  *scale = power.f;
  return p * (r * r) + r;
}

// m = e^(-2 |x|) - 1, with which |tanh x| = -m / (2 + m)
static inline float tanh_part1(float x) {
  float scale;
  float t = -2.0f * fabsf(x);
  float p = exp_parts1(t < -87.3365f ? -87.3365f : t, &scale);
  return scale * p + (scale - 1.0f);
}

static inline float tanh1(float x) {
  float m = tanh_part1(x);
  return copysignf(m / (2.0f + m), x);
}

// 1 + e^-x, the reciprocal of the sigmoid of x; infinity where x < -88.4
static inline float sigmoid_part1(float x) {
  float scale;
  float t = -x > 88.7f ? 88.7f : -x;
  float p = exp_parts1(t < -87.3365f ? -87.3365f : t, &scale);
  return 1.0f + (1.0f + p) * scale;
}

// 1 / (1 + e^-x); 0 where x < -88.4
static inline float sigmoid1(float x) { return 1.0f / sigmoid_part1(x); }

#endif
