// Elementary functions of one float, in straight-line code that the compiler can vectorise: to be
// called in the loops of CK_MULTIVERSION functions. Errors stay below 2.5 units of the last place.
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

// tanh x = x + x^3 P(x^2) for small x, 1 - 2 / (e^2x + 1) elsewhere.
static inline float tanh1(float x) {
  float magnitude = fabsf(x);
  float z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  float small = p * z * x + x;
  float large = 1.0f - 2.0f / (exp1(2.0f * magnitude) + 1.0f);
  large = copysignf(large, x);
  float y = magnitude < 0.625f ? small : large;
  return x != x ? x : y;
}

// 1 / (1 + e^-x); for negative x as e^x / (1 + e^x), so that the exponential never overflows.
static inline float sigmoid1(float x) {
  float e = exp1(-fabsf(x));
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

#endif
