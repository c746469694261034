// Products of packed 8-bit matrices (see ck_int8.h).
#include "ck_int8.h"

#include <string.h>

#include "dispatch.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

// Bytes of packed A per row and step.
enum {
  int8_row_bytes_avx512vnni = 4,
  int8_row_bytes_avx512 = 8,
  int8_row_bytes_avxvnni = 4,
  int8_row_bytes_avx2 = 8,
  int8_row_bytes_portable = 8
};

#if defined(__x86_64__)
#define SUFFIX avx512vnni
#define TARGET \
  __attribute__((target(CK_V3 ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni")))
#define WIDTH 16
#define ROWS 12
#define DOT(sum, u, s) (INTS) _mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(u), (__m512i)(s))
#include "int8_template.h"

#define SUFFIX avx512
#define TARGET CK_AVX512
#define WIDTH 16
#define ROWS 8
#define PAIRS(x, y) (INTS) _mm512_madd_epi16((__m512i)(x), (__m512i)(y))
#include "int8_template.h"

#define SUFFIX avxvnni
#define TARGET __attribute__((target(CK_V3 ",avxvnni")))
#define WIDTH 8
#define ROWS 4
#define DOT(sum, u, s) (INTS) _mm256_dpbusd_avx_epi32((__m256i)(sum), (__m256i)(u), (__m256i)(s))
#include "int8_template.h"

#define SUFFIX avx2
#define TARGET CK_AVX2
#define WIDTH 8
#define ROWS 4
#define PAIRS(x, y) (INTS) _mm256_madd_epi16((__m256i)(x), (__m256i)(y))
#include "int8_template.h"
#endif

#if defined(__x86_64__)
#define PAIRS(x, y) (INTS) _mm_madd_epi16((__m128i)(x), (__m128i)(y))
#else
typedef int16_t four_halves __attribute__((vector_size(8)));
typedef int16_t eight_halves __attribute__((vector_size(16)));
typedef int32_t four_ints __attribute__((vector_size(16)));
static inline four_ints pairs(eight_halves x, eight_halves y) {
#define PART(v, ...) __builtin_convertvector(__builtin_shufflevector(v, v, __VA_ARGS__), four_ints)
  return PART(x, 0, 2, 4, 6) * PART(y, 0, 2, 4, 6) + PART(x, 1, 3, 5, 7) * PART(y, 1, 3, 5, 7);
#undef PART
}
#define PAIRS(x, y) (INTS) pairs((eight_halves)(x), (eight_halves)(y))
#endif
#define SUFFIX portable
#define TARGET
#define WIDTH 4
#define ROWS 4
#include "int8_template.h"

ptrdiff_t ck_int8_rows(void) { return CK_PER_DOTS(12, 8, 4, 4, 4); }
ptrdiff_t ck_int8_row_bytes(void) { return CK_PER_DOTS(4, 8, 4, 8, 8); }
ptrdiff_t ck_int8_columns(void) { return CK_PER_DOTS(32, 32, 16, 16, 8); }

ptrdiff_t ck_int8_block(ptrdiff_t rows) {
  const ptrdiff_t most = ck_int8_rows(), blocks = (rows + most - 1) / most;
  if (blocks <= 1) return rows > 0 ? rows : 1;
  return ((rows + blocks - 1) / blocks + 3) / 4 * 4;
}

ptrdiff_t ck_int8_padded(ptrdiff_t columns) {
  const ptrdiff_t half = ck_int8_columns() / 2;
  return (columns + half - 1) / half * half;
}

void ck_int8_multiply(const ck_int8_product *p, const uint8_t *a, const uint8_t *b, void *y,
                      const ck_int8_epilogue *e) {
  CK_PER_DOTS(int8_multiply_avx512vnni, int8_multiply_avx512, int8_multiply_avxvnni, int8_multiply_avx2,
         int8_multiply_portable)(p, a, b, y, e);
}

// The largest panel of all instruction sets.
#define MOST_COLUMNS 32

// A step of a row whose elements are `stride` apart, of which `count` exist.
static inline uint32_t quad(const uint8_t *x, ptrdiff_t stride, ptrdiff_t count, uint8_t flip) {
  uint32_t quad = 0;
  for (ptrdiff_t i = 0; i < least(count, 4); i++)
    quad |= (uint32_t)(uint8_t)(x[i * stride] ^ flip) << (8 * i);
  return quad;
}

// The sum of bytes after flipping.
static inline __attribute__((always_inline)) int32_t byte_sum(const uint8_t *x, ptrdiff_t count,
                                                              uint8_t flip, int is_signed) {
  int32_t sum = 0;
  if (is_signed) {
    for (ptrdiff_t i = 0; i < count; i++) sum += (int8_t)(x[i] ^ flip);
  } else {
    for (ptrdiff_t i = 0; i < count; i++) sum += x[i] ^ flip;
  }
  return sum;
}

// Writes a step of a row: as it is, or widened to 16 bits, even terms before odd ones.
static inline __attribute__((always_inline)) void put_step(uint32_t quad, uint8_t *packed,
                                                           const int is_wide,
                                                           const int is_signed) {
  if (is_wide) {
    uint32_t even = quad & 0x00FF00FF, odd = (quad >> 8) & 0x00FF00FF;
    if (is_signed) {
      even |= ((even >> 7) & 0x00010001) * 0xFF00;
      odd |= ((odd >> 7) & 0x00010001) * 0xFF00;
    }
    memcpy(packed, &even, 4);
    memcpy(packed + 4, &odd, 4);
  } else {
    memcpy(packed, &quad, 4);
  }
}

static inline __attribute__((always_inline)) void pack_steps(
    const uint8_t *a, ptrdiff_t stride, ptrdiff_t depth, ptrdiff_t rows, uint8_t flip,
    uint8_t *packed, const int is_wide, const int is_signed) {
  const ptrdiff_t whole = depth / 4, size = is_wide ? 8 : 4;
  const uint32_t flips = flip * 0x01010101u;
  for (ptrdiff_t k = 0; k < whole; k++) {
    const uint8_t *x = a + 4 * k;
    for (ptrdiff_t m = 0; m < rows; m++, x += stride, packed += size) {
      uint32_t q;
      memcpy(&q, x, 4);
      put_step(q ^ flips, packed, is_wide, is_signed);
    }
  }
  for (ptrdiff_t m = 0; m < rows && 4 * whole < depth; m++, packed += size)
    put_step(quad(a + m * stride + 4 * whole, 1, depth - 4 * whole, flip), packed, is_wide,
             is_signed);
}

CK_STATIC_VERSIONS(void, pack_rows,
                   (const uint8_t *a, ptrdiff_t stride, ptrdiff_t depth, ptrdiff_t rows,
                    uint8_t flip, int is_signed, int is_wide, uint8_t *packed, int32_t *sums),
                   (a, stride, depth, rows, flip, is_signed, is_wide, packed, sums)) {
  for (ptrdiff_t m = 0; m < rows && sums; m++)
    sums[m] = byte_sum(a + m * stride, depth, flip, is_signed);
  if (!is_wide) {
    pack_steps(a, stride, depth, rows, flip, packed, 0, 0);
  } else if (is_signed) {
    pack_steps(a, stride, depth, rows, flip, packed, 1, 1);
  } else {
    pack_steps(a, stride, depth, rows, flip, packed, 1, 0);
  }
}

void ck_int8_pack_rows(const uint8_t *a, ptrdiff_t stride, ptrdiff_t depth, ptrdiff_t rows,
                       uint8_t flip, int is_signed, uint8_t *packed, int32_t *sums) {
  pack_rows(a, stride, depth, rows, flip, is_signed, ck_int8_row_bytes() == 8, packed, sums);
}

CK_STATIC_VERSIONS(void, pack_columns,
                   (const uint8_t *b, ptrdiff_t stride, int is_transposed, ptrdiff_t depth,
                    ptrdiff_t columns, ptrdiff_t padded, uint8_t flip, int is_signed,
                    uint8_t *packed, int32_t *sums),
                   (b, stride, is_transposed, depth, columns, padded, flip, is_signed, packed,
                    sums)) {
  const ptrdiff_t steps = ck_int8_steps(depth), by_depth = is_transposed ? 1 : stride;
  const ptrdiff_t by_column = is_transposed ? stride : 1;
  const uint32_t flips = flip * 0x01010101u;
  int32_t total[MOST_COLUMNS] = {0};
  for (ptrdiff_t k = 0; k < steps; k++, packed += padded * 4) {
    const uint8_t *from = b + 4 * k * by_depth;
    uint32_t quads[MOST_COLUMNS];
    if (4 * k + 4 > depth) {
      for (ptrdiff_t n = 0; n < columns; n++)
        quads[n] = quad(from + n * by_column, by_depth, depth - 4 * k, flip);
    } else if (is_transposed) {
      for (ptrdiff_t n = 0; n < columns; n++) {
        memcpy(&quads[n], from + n * stride, 4);
        quads[n] ^= flips;
      }
    } else {
      for (ptrdiff_t n = 0; n < columns; n++)
        quads[n] = ((uint32_t)from[n] | (uint32_t)from[n + stride] << 8 |
                    (uint32_t)from[n + 2 * stride] << 16 | (uint32_t)from[n + 3 * stride] << 24) ^
                   flips;
    }
    for (ptrdiff_t n = columns; n < padded; n++) quads[n] = 0;
    memcpy(packed, quads, (size_t)padded * 4);
    if (!sums) continue;
    if (is_signed) {
      for (ptrdiff_t n = 0; n < padded; n++)
        total[n] += (int8_t)quads[n] + (int8_t)(quads[n] >> 8) + (int8_t)(quads[n] >> 16) +
                    (int8_t)(quads[n] >> 24);
    } else {
      for (ptrdiff_t n = 0; n < padded; n++)
        total[n] += (int32_t)(quads[n] & 255) + (int32_t)(quads[n] >> 8 & 255) +
                    (int32_t)(quads[n] >> 16 & 255) + (int32_t)(quads[n] >> 24);
    }
  }
  if (sums) memcpy(sums, total, (size_t)columns * 4);
}

void ck_int8_pack_columns(const uint8_t *b, ptrdiff_t stride, int is_transposed, ptrdiff_t depth,
                          ptrdiff_t columns, uint8_t flip, int is_signed, uint8_t *packed,
                          int32_t *sums) {
  pack_columns(b, stride, is_transposed, depth, columns, ck_int8_padded(columns), flip, is_signed,
               packed, sums);
}
