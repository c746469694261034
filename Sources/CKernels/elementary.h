// Elementary functions of one float, in straight-line code that the compiler can vectorise: to be
// called in the loops of CK_MULTIVERSION functions. Errors stay below 3 units of the last place.
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
  // 2^n in two factors, since n reaches -150 and 128.
  int whole = (int)n;
  int half = whole >> 1;
  union { int32_t i; float f; } a = {(half + 127) << 23}, b = {(whole - half + 127) << 23};
  float y = p * a.f * b.f;
  return x != x ? x : y;
}

// x <= 0: x = n ln 2 + r with |r| <= ln 2 / 2; returns e^r - 1, and 2^n by its address. What lies
// below ln 2^-126 counts as that.
static inline float exp_parts1(float x, float *scale) {
  const float magic = 12582912.0f;  // adding it leaves an integer in the lowest bits
  float clamped = x < -87.3365f ? -87.3365f : x;
  union { float f; uint32_t i; } shifted = {clamped * 1.44269504088896341f + magic}, power;
  float n = shifted.f - magic;
  float r = clamped - n * 0.693145751953125f;
  r = r - n * 1.42860682030941723212e-6f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  power.i = (shifted.i << 23) + 0x3f800000u;
  *scale = power.f;
  return p * r * r + r;
}

// tanh x = -m / (2 + m) with m = e^(-2 |x|) - 1, and the sign of x
static inline float tanh1(float x) {
  float scale;
  float p = exp_parts1(-2.0f * fabsf(x), &scale);
  float m = scale * p + (scale - 1.0f);
  return copysignf(m / (2.0f + m), x);
}

// 1 / (1 + e^-x), for negative x as e^x / (1 + e^x); 0 where the result would be subnormal.
static inline float sigmoid1(float x) {
  float scale;
  float t = -fabsf(x);
  float p = exp_parts1(t, &scale);
  float e = t < -87.3365f ? 0.0f : scale * p + scale;
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

#endif
