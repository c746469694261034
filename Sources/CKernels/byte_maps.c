// Functions of 8-bit integers that note real numbers.
#include "ck_byte_maps.h"

#include "dispatch.h"

// The steps round one after the other, as separate nodes do.
#pragma STDC FP_CONTRACT OFF

static inline float noted(uint8_t x, ck_byte_code code) {
  return ((float)(int32_t)(uint8_t)(x ^ code.flip) - code.zero) * code.scale;
}

// The bounds are integers, so that clamping before rounding is the same; then adding and
// subtracting 1.5 · 2²³ rounds.
static inline uint8_t note(float x, ck_byte_code code) {
  const float low = -code.zero, high = 255.0f - code.zero;
  float y = x / code.scale;
  y = y >= low ? y : low;
  y = y <= high ? y : high;
  y = (y + 12582912.0f) - 12582912.0f;
  return (uint8_t)((uint8_t)(int32_t)(y + code.zero) ^ code.flip);
}

CK_VERSIONS(void, ck_bytes_to_float,
            (const uint8_t *restrict x, ck_byte_code code, float *restrict y, size_t n),
            (x, code, y, n)) {
  for (size_t i = 0; i < n; i++) y[i] = noted(x[i], code);
}

CK_VERSIONS(void, ck_float_to_bytes,
            (const float *restrict x, ck_byte_code code, uint8_t *restrict y, size_t n),
            (x, code, y, n)) {
  for (size_t i = 0; i < n; i++) y[i] = note(x[i], code);
}

// The steps are constants in each loop, so that it is vectorised.
#define CK_PAIR_LOOP(A_STEP, B_STEP, EXPRESSION)      \
  for (size_t i = 0; i < n; i++) {                    \
    const float a = noted(p->a[i * A_STEP], a_code);  \
    const float b = noted(p->b[i * B_STEP], b_code);  \
    y[i] = note(EXPRESSION, y_code);                  \
  }
#define CK_PAIRS(NAME, EXPRESSION)                                                   \
  CK_STATIC_VERSIONS(void, NAME, (const ck_noted_pair *restrict p, uint8_t *restrict y, size_t n), \
                     (p, y, n)) {                                                    \
    const ck_byte_code a_code = p->a_code, b_code = p->b_code, y_code = p->y_code;   \
    if (p->a_step && p->b_step) {                                                    \
      CK_PAIR_LOOP(1, 1, EXPRESSION)                                                 \
    } else if (p->a_step) {                                                          \
      CK_PAIR_LOOP(1, 0, EXPRESSION)                                                 \
    } else if (p->b_step) {                                                          \
      CK_PAIR_LOOP(0, 1, EXPRESSION)                                                 \
    } else {                                                                         \
      CK_PAIR_LOOP(0, 0, EXPRESSION)                                                 \
    }                                                                                \
  }

CK_PAIRS(add_pairs, a + b)
CK_PAIRS(sub_pairs, a - b)
CK_PAIRS(mul_pairs, a * b)
CK_PAIRS(div_pairs, a / b)

void ck_byte_pairs(const ck_noted_pair *p, uint8_t *y, size_t n) {
  switch (p->function) {
    case CK_PAIR_ADD: return add_pairs(p, y, n);
    case CK_PAIR_SUB: return sub_pairs(p, y, n);
    case CK_PAIR_MUL: return mul_pairs(p, y, n);
    case CK_PAIR_DIV: return div_pairs(p, y, n);
  }
}

CK_VERSIONS(uint64_t, ck_byte_sum, (const uint8_t *x, uint8_t flip, size_t n), (x, flip, n)) {
  uint64_t sum = 0;
  // The sums of a block fit into 32 bits.
  for (size_t first = 0; first < n; first += 1 << 20) {
    const size_t count = n - first < 1 << 20 ? n - first : 1 << 20;
    uint32_t part = 0;
    for (size_t i = 0; i < count; i++) part += (uint8_t)(x[first + i] ^ flip);
    sum += part;
  }
  return sum;
}

static void look_up(const uint8_t *x, const uint8_t *table, uint8_t *y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = table[x[i]];
}

#if defined(__x86_64__)
#include <immintrin.h>

// The table in four registers: each instruction looks up 64 bytes in half of it.
__attribute__((target(CK_V3 ",avx512f,avx512bw,avx512vl,avx512vbmi")))
static void look_up_vbmi(const uint8_t *x, const uint8_t *table, uint8_t *y, size_t n) {
  const __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64);
  const __m512i t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);
  for (size_t i = 0; i < n; i += 64) {
    const __mmask64 own = n - i < 64 ? ((__mmask64)1 << (n - i)) - 1 : ~(__mmask64)0;
    const __m512i v = _mm512_maskz_loadu_epi8(own, x + i);
    const __m512i low = _mm512_permutex2var_epi8(t0, v, t1);
    const __m512i high = _mm512_permutex2var_epi8(t2, v, t3);
    _mm512_mask_storeu_epi8(
        y + i, own, _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), low, high));
  }
}

// Sixteen parts of the table: a part gives 0 for bytes that belong to another one.
CK_AVX2 static void look_up_avx2(const uint8_t *x, const uint8_t *table, uint8_t *y, size_t n) {
  size_t i = 0;
  for (; i + 128 <= n; i += 128) {
    __m256i v[4], sum[4];
    for (int k = 0; k < 4; k++) {
      v[k] = _mm256_loadu_si256((const __m256i *)(x + i + 32 * k));
      sum[k] = _mm256_setzero_si256();
    }
    for (int part = 0; part < 16; part++) {
      const __m256i t = _mm256_broadcastsi128_si256(
          _mm_loadu_si128((const __m128i *)(table + 16 * part)));
      const __m256i first = _mm256_set1_epi8((char)(part << 4));
      for (int k = 0; k < 4; k++) {
        const __m256i place = _mm256_adds_epu8(
            _mm256_xor_si256(v[k], first), _mm256_set1_epi8(0x70));
        sum[k] = _mm256_or_si256(sum[k], _mm256_shuffle_epi8(t, place));
      }
    }
    for (int k = 0; k < 4; k++) _mm256_storeu_si256((__m256i *)(y + i + 32 * k), sum[k]);
  }
  look_up(x + i, table, y + i, n - i);
}

void ck_byte_table(const uint8_t *x, const uint8_t *table, uint8_t *y, size_t n) {
  const int level = ck_level();
  if (level == 2 && __builtin_cpu_supports("avx512vbmi")) {
    look_up_vbmi(x, table, y, n);
  } else if (level >= 1) {
    look_up_avx2(x, table, y, n);
  } else {
    look_up(x, table, y, n);
  }
}
#else
void ck_byte_table(const uint8_t *x, const uint8_t *table, uint8_t *y, size_t n) {
  look_up(x, table, y, n);
}
#endif
