#ifndef CK_VECTOR_MATH_H
#define CK_VECTOR_MATH_H

// Functions of one float without branches, for loops that the compiler vectorises. The polynomials
// minimise the maximum error on the given ranges.

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "elementary.h"

static inline float vm_from_bits(int32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline int32_t vm_bits(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

// x = n ln 2 + r with |r| <= ln 2 / 2. Returns e^r - 1 and stores n.
static inline float vm_exp_parts(float x, float *n) {
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  float shifted = x * 1.44269504088896341f + magic;
  *n = shifted - magic;
  float r = x - *n * 0.693145751953125f;
  r = r - *n * 1.42860682030941723212e-6f;
  float p = 1.9916467e-4f;
  p = p * r + 1.3946109e-3f;
  p = p * r + 8.3332676e-3f;
  p = p * r + 4.1666269e-2f;
  p = p * r + 1.6666667e-1f;
  p = p * r + 0.5f;
  return p * r * r + r;
}

// e^x - 1 for x <= 88
static inline float vm_expm1(float x) {
  float clamped = x > 88.0f ? 88.0f : x;
  clamped = clamped < -30.0f ? -30.0f : clamped;
  float n;
  float p = vm_exp_parts(clamped, &n);
  float scale = vm_from_bits(((int32_t)n + 127) << 23);
  float y = scale * p + (scale - 1.0f);
  return x != x ? x : y;
}

// ln x: x = 2^e m with sqrt(1/2) <= m < sqrt(2)
static inline float vm_log(float x) {
  int tiny = x < 1.17549435e-38f;
  float scaled = tiny ? x * 8388608.0f : x;
  int32_t bits = vm_bits(scaled);
  int32_t exponent = (bits - 0x3f3504f3) >> 23;
  float m = vm_from_bits(bits - (exponent << 23));
  float e = (float)exponent - (tiny ? 23.0f : 0.0f);
  float f = m - 1.0f;
  float p = 6.9145590e-2f;
  p = p * f - 1.1789385e-1f;
  p = p * f + 1.1873116e-1f;
  p = p * f - 1.2384430e-1f;
  p = p * f + 1.4218649e-1f;
  p = p * f - 1.6669245e-1f;
  p = p * f + 2.0002227e-1f;
  p = p * f - 2.4999987e-1f;
  p = p * f + 3.3333310e-1f;
  float z = f * f;
  float y = p * f * z;
  y = y - e * 2.12194440e-4f;
  y = y - 0.5f * z;
  y = f + y;
  y = y + e * 0.693359375f;
  y = x == INFINITY ? x : y;
  y = x == 0.0f ? -INFINITY : y;
  y = x < 0.0f ? NAN : y;
  return x != x ? x : y;
}

// ln(1 + x) for x >= 0
static inline float vm_log1p(float x) {
  float y = 1.0f + x;
  float lost = x - (y - 1.0f);
  return vm_log(y) + lost / y;
}

// ln(1 + e^x)
static inline float vm_softplus(float x) {
  float positive = x > 0.0f ? x : 0.0f;
  float y = positive + vm_log1p(exp1(-fabsf(x)));
  return x != x ? x : y;
}

// erf x = x + x P(x^2) up to 0.95, then 1 - e^(-x (1 - Q(x))), and 1 from 4 on.
static inline float vm_erf(float x) {
  float t = fabsf(x);
  float s = x * x;
  float p = 8.2154125e-5f;
  p = p * s - 8.1059622e-4f;
  p = p * s + 5.1977970e-3f;
  p = p * s - 2.6858104e-2f;
  p = p * s + 1.1283673e-1f;
  p = p * s - 3.7612632e-1f;
  p = p * s + 1.2837917e-1f;
  float small = p * x + x;
  float u = t < 4.0f ? t : 4.0f;
  float q = 2.1415602e-4f;
  q = q * u - 3.2164680e-3f;
  q = q * u + 2.2895174e-2f;
  q = q * u - 1.0527058e-1f;
  q = q * u - 6.3571119e-1f;
  q = q * u - 1.2851661e-1f;
  float large = copysignf(1.0f - exp1(q * u - u), x);
  float y = t < 0.95f ? small : large;
  return x != x ? x : y;
}

// erf(x / sqrt 2): x times a polynomial in x^2, mapped from 0...limit^2 to -1...1; 1 from there on.
// The error is below 2e-7.
static inline float vm_normal_erf(float x) {
  const float square = 5.5437166f * 5.5437166f;
  float u = x * x;
  u = u < square ? u : square;
  float s = u * (2.0f / square) - 1.0f;
  float p = 2.3950246e-4f;
  p = p * s - 6.4950844e-4f;
  p = p * s + 5.4085127e-4f;
  p = p * s - 7.9175219e-4f;
  p = p * s + 2.8631310e-3f;
  p = p * s - 5.7021366e-3f;
  p = p * s + 8.8001266e-3f;
  p = p * s - 1.3926205e-2f;
  p = p * s + 2.1570385e-2f;
  p = p * s - 3.0798726e-2f;
  p = p * s + 4.1150879e-2f;
  p = p * s - 5.2322891e-2f;
  p = p * s + 6.4078823e-2f;
  p = p * s - 7.7202871e-2f;
  p = p * s + 9.4811313e-2f;
  p = p * s - 1.2735599e-1f;
  p = p * s + 2.5507945e-1f;
  float y = p * x;
  y = y > 1.0f ? 1.0f : y;
  return y < -1.0f ? -1.0f : y;
}

#endif
