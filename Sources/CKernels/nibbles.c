// Products with rows of 4-bit integers.
#include "ck_nibbles.h"

#include "dispatch.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef float eight __attribute__((vector_size(32), aligned(4)));
typedef float sixteen __attribute__((vector_size(64), aligned(4)));
typedef uint8_t bytes __attribute__((vector_size(16), aligned(1)));

// The terms that ck_dot_rows adds before their sum is added to the result.
enum { PIECE = 1024 };

void ck_part_nibbles(const float *x, size_t depth, size_t padded, float *y) {
  const size_t whole = depth / 32 * 32;
  for (size_t k = 0; k < whole; k += 32) {
    for (size_t i = 0; i < 16; i++) {
      y[k + i] = x[k + 2 * i];
      y[k + 16 + i] = x[k + 2 * i + 1];
    }
  }
  for (size_t k = whole; k < padded; k++) y[k] = 0;
  for (size_t k = whole; k < depth; k++) y[k / 32 * 32 + k % 2 * 16 + k % 32 / 2] = x[k];
}

static inline float zero_of(const ck_nibbles *p, size_t row, size_t block) {
  if (p->packed_zeros)
    return (float)(p->packed_zeros[row * ((p->blocks + 1) / 2) + block / 2] >> block % 2 * 4 & 15);
  return p->zeros ? p->zeros[row * p->blocks + block] : 8.0f;
}

#define INLINE __attribute__((always_inline)) static inline

// The numbers of the 32 terms in 16 bytes.
typedef struct {
  float scale, zero;
} plain_block;
INLINE plain_block plain_table(float scale, float zero) { return (plain_block){scale, zero}; }
INLINE void plain_pair(plain_block b, const uint8_t *codes, sixteen *even, sixteen *odd) {
  const bytes v = *(const bytes *)codes;
  *even = (__builtin_convertvector(v & 15, sixteen) - b.zero) * b.scale;
  *odd = (__builtin_convertvector(v >> 4, sixteen) - b.zero) * b.scale;
}

INLINE float total_of(const sixteen *sum) {
  const eight both = __builtin_shufflevector(*sum, *sum, 0, 1, 2, 3, 4, 5, 6, 7) +
                     __builtin_shufflevector(*sum, *sum, 8, 9, 10, 11, 12, 13, 14, 15);
  float total = 0;
  for (int lane = 0; lane < 8; lane++) total += both[lane];
  return total;
}

#define SUFFIX portable
#define TARGET
#define BLOCK plain_block
#define TABLE plain_table
#define PAIR plain_pair
#define ROWS 1
#include "nibbles_template.h"

#if defined(__x86_64__)
#define SUFFIX avx2
#define TARGET CK_AVX2
#define BLOCK plain_block
#define TABLE plain_table
#define PAIR plain_pair
#define ROWS 1
#include "nibbles_template.h"

// The sixteen numbers of a block in a register.
CK_AVX512 INLINE __m512 whole_table(float scale, float zero) {
  const __m512 numbers = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm512_mul_ps(_mm512_sub_ps(numbers, _mm512_set1_ps(zero)), _mm512_set1_ps(scale));
}
CK_AVX512 INLINE void whole_pair(__m512 table, const uint8_t *codes, sixteen *even, sixteen *odd) {
  const __m512i v = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)codes));
  *even = (sixteen)_mm512_permutexvar_ps(v, table);
  *odd = (sixteen)_mm512_permutexvar_ps(_mm512_srli_epi32(v, 4), table);
}

#define SUFFIX avx512
#define TARGET CK_AVX512
#define BLOCK __m512
#define TABLE whole_table
#define PAIR whole_pair
#define ROWS 4
#include "nibbles_template.h"
#endif

void ck_unpack_nibbles(const ck_nibbles *p, size_t row, float *y) {
  CK_PER_LEVEL(unpack_avx512, unpack_avx2, unpack_portable)(p, row, y);
}

void ck_dot_nibbles(const ck_nibbles *p, const float *x, size_t row, size_t rows,
                    const float *start, float *y) {
  CK_PER_LEVEL(dot_avx512, dot_avx2, dot_portable)(p, x, row, rows, start, y);
}
