// Elementwise loops over float, vectorised by the compiler.
#include "ck_unary.h"

#include <math.h>

#include "dispatch.h"
#include "vector_math.h"

// y[i] depends only on x[i], so y may be x.
#define CK_MAP(expression)                                                  \
  {                                                                         \
    _Pragma("clang loop vectorize(assume_safety)") for (size_t i = 0; i < n; i++) { \
      float v = x[i];                                                       \
      y[i] = (expression);                                                  \
    }                                                                       \
  }

#define CK_UNARY(name, expression) \
  CK_VERSIONS(void, name, (const float *x, float *y, size_t n), (x, y, n)) CK_MAP(expression)

CK_UNARY(ck_abs, fabsf(v))
CK_UNARY(ck_neg, -v)
CK_UNARY(ck_sign, v > 0.0f ? 1.0f : v < 0.0f ? -1.0f : v)
CK_UNARY(ck_floor, floorf(v))
CK_UNARY(ck_ceil, ceilf(v))
CK_UNARY(ck_round, __builtin_roundevenf(v))
CK_UNARY(ck_sqrt, __builtin_elementwise_sqrt(v))
CK_UNARY(ck_reciprocal, 1.0f / v)
CK_UNARY(ck_log, vm_log(v))
CK_UNARY(ck_erf, vm_erf(v))
CK_UNARY(ck_relu, v < 0.0f ? 0.0f : v)
CK_UNARY(ck_softplus, vm_softplus(v))
CK_UNARY(ck_softsign, v / (1.0f + fabsf(v)))

static inline float hard_sigmoid(float v, float alpha, float beta) {
  float t = alpha * v + beta;
  t = t > 1.0f ? 1.0f : t;
  return t < 0.0f ? 0.0f : t;
}

CK_UNARY(ck_hard_swish, v *hard_sigmoid(v, 1.0f / 6.0f, 0.5f))

CK_VERSIONS(void, ck_hard_sigmoid,
            (const float *x, float *y, size_t n, float alpha, float beta),
            (x, y, n, alpha, beta))
    CK_MAP(hard_sigmoid(v, alpha, beta))

// x tanh(ln(1 + e^x)) = x w / (w + 2) with w = e^x (e^x + 2)
static inline float mish(float x) {
  float e = exp1(x > 20.0f ? 20.0f : x);
  float w = e * (e + 2.0f);
  return x > 20.0f ? x : x * (w / (w + 2.0f));
}

CK_UNARY(ck_mish, mish(v))

// Where v is minus infinity, the gated activations are minus infinity times 0, which is NaN, as in the
// standard's reference evaluator and in the nodes that rewrite rules replace by them.
CK_UNARY(ck_gelu, 0.5f * v * (1.0f + vm_normal_erf(v)))

CK_STATIC_VERSIONS(void, gelu_tanh, (const float *x, float *y, size_t n), (x, y, n))
    CK_MAP(v / sigmoid_part1(1.5957691216057308f * (v + 0.044715f * v * v * v)))

CK_STATIC_VERSIONS(void, swish, (const float *x, float *y, size_t n, float alpha),
                   (x, y, n, alpha))
    CK_MAP(v / sigmoid_part1(alpha *v))

#if defined(__x86_64__)
#include <immintrin.h>

// v / (1 + e^-a) with t = -a / ln 2: e^-a = 2^n 2^r with n + r = t and |r| <= 1/2. The relative
// error is below 1e-7 (1 + |a|).
CK_AVX512 static inline __m512 gated(__m512 v, __m512 t) {
  const __m512 one = _mm512_set1_ps(1.0f);
  t = _mm512_max_ps(_mm512_set1_ps(-126.0f), t);
  const __m512 n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 r = t - n;
  __m512 p = _mm512_set1_ps(1.32646726e-3f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.6715549e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.55073433e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.40222409e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.93147004e-1f));
  p = _mm512_fmadd_ps(p, r, one);
  return v / (one + _mm512_scalef_ps(p, n));
}

#define CK_GATED_AVX512(NAME, PARAMETERS, EXPONENT)                                            \
  CK_AVX512 static void NAME PARAMETERS {                                                      \
    size_t i = 0;                                                                              \
    for (; i + 16 <= n; i += 16) {                                                             \
      const __m512 v = _mm512_loadu_ps(x + i);                                                 \
      _mm512_storeu_ps(y + i, gated(v, (EXPONENT)));                                           \
    }                                                                                          \
    if (i < n) {                                                                               \
      const __mmask16 lanes = (__mmask16)((1u << (n - i)) - 1);                                \
      const __m512 v = _mm512_maskz_loadu_ps(lanes, x + i);                                    \
      _mm512_mask_storeu_ps(y + i, lanes, gated(v, (EXPONENT)));                               \
    }                                                                                          \
  }

CK_GATED_AVX512(gelu_tanh16, (const float *x, float *y, size_t n),
                v *(-0.10294325f * (v * v) - 2.30220819f))
CK_GATED_AVX512(swish16, (const float *x, float *y, size_t n, float alpha),
                v *(-1.44269504f * alpha))
#endif

void ck_gelu_tanh(const float *x, float *y, size_t n) {
  CK_PER_LEVEL(gelu_tanh16, gelu_tanh, gelu_tanh)(x, y, n);
}

void ck_swish(const float *x, float *y, size_t n, float alpha) {
  CK_PER_LEVEL(swish16, swish, swish)(x, y, n, alpha);
}

CK_VERSIONS(void, ck_leaky_relu,
            (const float *x, float *y, size_t n, float alpha), (x, y, n, alpha))
    CK_MAP(v < 0.0f ? alpha * v : v)

CK_VERSIONS(void, ck_thresholded_relu,
            (const float *x, float *y, size_t n, float alpha), (x, y, n, alpha))
    CK_MAP(v > alpha ? v : 0.0f)

CK_VERSIONS(void, ck_elu,
            (const float *x, float *y, size_t n, float scale, float width, float gain),
            (x, y, n, scale, width, gain)) {
  const float inverse = 1.0f / width;
  CK_MAP(v > 0.0f ? gain * v : scale * vm_expm1(v * inverse))
}

CK_VERSIONS(void, ck_clip,
            (const float *x, float *y, size_t n, float low, float high), (x, y, n, low, high)) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) {
    float v = x[i];
    v = v < low ? low : v;
    y[i] = v > high ? high : v;
  }
}

// x - k pi/2 in double, with pi/2 in two parts. Precise enough for |x| < 2^20; libm computes
// others.
static inline float sine(float x, int32_t quadrant_offset) {
  const double magic = 6755399441055744.0;
  double wide = x;
  double shifted = wide * 0.63661977236758134308 + magic;
  double k = shifted - magic;
  double r = wide - k * 1.57079632673412561417;
  r = r - k * 6.07710050650619224932e-11;
  int64_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  int32_t quadrant = (int32_t)bits + quadrant_offset;
  double z = r * r;
  double s = 2.7525489e-6;
  s = s * z - 1.98408743e-4;
  s = s * z + 8.333331876e-3;
  s = s * z - 1.66666666609e-1;
  s = s * z * r + r;
  double c = 2.443315711809948e-5;
  c = c * z - 1.388731625493765e-3;
  c = c * z + 4.166664568298827e-2;
  c = c * z - 0.5;
  c = c * z + 1.0;
  double y = (quadrant & 1) ? c : s;
  return (float)((quadrant & 2) ? -y : y);
}

static inline int within(const float *x, size_t n, float limit) {
  int inside = 1;
  for (size_t i = 0; i < n; i++) inside &= fabsf(x[i]) < limit;
  return inside;
}

// Uses the polynomial for every element in its range, so that no result depends on its neighbours.
#define CK_SINE(name, offset, exact)                                                      \
  CK_VERSIONS(void, name, (const float *x, float *y, size_t n), (x, y, n)) {              \
    const float limit = 1048576.0f;                                                       \
    for (size_t start = 0; start < n; start += 64) {                                      \
      size_t count = n - start < 64 ? n - start : 64;                                     \
      const float *in = x + start;                                                        \
      float *out = y + start;                                                             \
      if (within(in, count, limit)) {                                                     \
        _Pragma("clang loop vectorize(assume_safety)") for (size_t i = 0; i < count; i++) \
            out[i] = sine(in[i], offset);                                                 \
      } else {                                                                            \
        for (size_t i = 0; i < count; i++)                                                \
          out[i] = fabsf(in[i]) < limit ? sine(in[i], offset) : exact(in[i]);             \
      }                                                                                   \
    }                                                                                     \
  }

CK_SINE(ck_sin, 0, sinf)
CK_SINE(ck_cos, 1, cosf)
