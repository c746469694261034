// Products of bfloat16 factors (see ck_bfloat16.h).
#include "ck_bfloat16.h"

#include "dispatch.h"

#if defined(__x86_64__) && (!defined(CK_LEVEL) || CK_LEVEL == 2)
#include <cpuid.h>
#include <immintrin.h>

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

int ck_has_bfloat16(void) {
  unsigned a, b, c, d;
  return ck_level() == 2 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}

#define TARGET __attribute__((target(CK_V3 ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16")))
#define INLINE TARGET __attribute__((always_inline)) static inline
enum { lanes = 16, block_rows = 8, panel_columns = 2 * lanes };
// Words of a sum per pass, and of a block of A, which stay in the first- and second-level cache.
enum { pass_words = 256, group_words = 32768 };

// Words of 16 columns: `first` and `second` are the terms of each.
INLINE __m512i pairs(__m512 first, __m512 second) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                         23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}

// 16 words of a row, of which `terms` floats exist.
INLINE __m512i words_of(const float *x, ptrdiff_t terms) {
  if (terms >= 2 * lanes)
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + lanes), _mm512_loadu_ps(x));
  const uint32_t mask = (uint32_t)(((uint64_t)1 << terms) - 1);
  return (__m512i)_mm512_cvtne2ps_pbh(
      _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), x + lanes),
      _mm512_maskz_loadu_ps((__mmask16)mask, x));
}
static inline __mmask16 first_lanes(ptrdiff_t count) {
  return count >= lanes ? 0xffff : (__mmask16)((1u << count) - 1);
}

INLINE void round_row(const float *x, ptrdiff_t depth, uint32_t *words) {
  for (ptrdiff_t k = 0; k < depth; k += 2 * lanes)
    _mm512_mask_storeu_epi32(words + k / 2, first_lanes(ck_bfloat16_words(depth - k)),
                             words_of(x + k, depth - k));
}

// Stores word 4 * j + c of four rows from column c of the j-th quarter.
INLINE void store_quarters(__m512i x, uint32_t *to, ptrdiff_t count) {
  if (count > 0) _mm_storeu_si128((__m128i *)to, _mm512_castsi512_si128(x));
  if (count > 4)
    _mm_storeu_si128((__m128i *)(to + 4 * block_rows), _mm512_extracti32x4_epi32(x, 1));
  if (count > 8)
    _mm_storeu_si128((__m128i *)(to + 8 * block_rows), _mm512_extracti32x4_epi32(x, 2));
  if (count > 12)
    _mm_storeu_si128((__m128i *)(to + 12 * block_rows), _mm512_extracti32x4_epi32(x, 3));
}

TARGET void ck_bfloat16_rows(const float *a, ptrdiff_t stride, ptrdiff_t depth, ptrdiff_t rows,
                             uint32_t *words) {
  for (ptrdiff_t k = 0; k < depth; k += 2 * lanes) {
    const ptrdiff_t count = ck_bfloat16_words(depth - k);
    for (ptrdiff_t m = 0; m < block_rows; m += 4) {
      __m512i x[4];
      UNROLL for (int i = 0; i < 4; i++)
        x[i] = m + i < rows ? words_of(a + (m + i) * stride + k, depth - k)
                            : _mm512_setzero_si512();
      const __m512i low = _mm512_unpacklo_epi32(x[0], x[1]);
      const __m512i high = _mm512_unpackhi_epi32(x[0], x[1]);
      const __m512i low2 = _mm512_unpacklo_epi32(x[2], x[3]);
      const __m512i high2 = _mm512_unpackhi_epi32(x[2], x[3]);
      uint32_t *to = words + k / 2 * block_rows + m;
      store_quarters(_mm512_unpacklo_epi64(low, low2), to, count);
      store_quarters(_mm512_unpackhi_epi64(low, low2), to + block_rows, count - 1);
      store_quarters(_mm512_unpacklo_epi64(high, high2), to + 2 * block_rows, count - 2);
      store_quarters(_mm512_unpackhi_epi64(high, high2), to + 3 * block_rows, count - 3);
    }
  }
}

// `to` may be where `from` begins.
TARGET static void round_panel(const float *from, uint32_t *to, ptrdiff_t depth, ptrdiff_t width) {
  for (ptrdiff_t k = 0; k < depth; k += 2, from += 2 * width, to += width) {
    for (ptrdiff_t n = 0; n < width; n += lanes) {
      const __m512 first = _mm512_loadu_ps(from + n);
      const __m512 second =
          k + 1 < depth ? _mm512_loadu_ps(from + width + n) : _mm512_setzero_ps();
      _mm512_storeu_si512(to + n, pairs(first, second));
    }
  }
}

void ck_bfloat16_panels(float *panels, ptrdiff_t depth, ptrdiff_t columns) {
  uint32_t *to = (uint32_t *)panels;
  for (ptrdiff_t n = 0; n < columns; n += panel_columns) {
    const ptrdiff_t width = columns - n > lanes ? panel_columns : lanes;
    round_panel(panels, to, depth, width);
    panels += depth * width;
    to += ck_bfloat16_words(depth) * width;
  }
}

typedef struct {
  int first, last;  // whether the sums begin and end here
  const float *bias, *starts, *residual;
  ptrdiff_t residual_stride;
  float low, high;
} part;

// `columns` is the number of columns of the last vector that exist.
INLINE void tile(const uint32_t *a, const uint32_t *b, ptrdiff_t words, float *y, ptrdiff_t stride,
                 const part *p, ptrdiff_t columns, const int rows, const int vectors) {
  const __mmask16 mask[2] = {first_lanes(columns), columns > lanes ? first_lanes(columns - lanes) : 0};
  __m512 sum[block_rows][2];
  UNROLL for (int m = 0; m < rows; m++) {
    UNROLL for (int v = 0; v < vectors; v++) {
      if (!p->first) {
        sum[m][v] = _mm512_maskz_loadu_ps(mask[v], y + m * stride + v * lanes);
        continue;
      }
      sum[m][v] = _mm512_set1_ps(p->bias ? p->bias[m] : 0.0f);
      if (p->starts)
        sum[m][v] = _mm512_add_ps(sum[m][v], _mm512_maskz_loadu_ps(mask[v], p->starts + v * lanes));
    }
  }
  for (ptrdiff_t k = 0; k < words; k++, a += block_rows, b += vectors * lanes) {
    __m512bh own[2];
    UNROLL for (int v = 0; v < vectors; v++) own[v] = (__m512bh)_mm512_loadu_ps(b + v * lanes);
    UNROLL for (int m = 0; m < rows; m++) {
      const __m512bh x = (__m512bh)_mm512_set1_epi32((int)a[m]);
      UNROLL for (int v = 0; v < vectors; v++) sum[m][v] = _mm512_dpbf16_ps(sum[m][v], x, own[v]);
    }
  }
  const __m512 low = _mm512_set1_ps(p->low), high = _mm512_set1_ps(p->high);
  UNROLL for (int m = 0; m < rows; m++) {
    UNROLL for (int v = 0; v < vectors; v++) {
      __m512 result = sum[m][v];
      if (p->last) {
        if (p->residual)
          result = _mm512_add_ps(result, _mm512_maskz_loadu_ps(mask[v], p->residual + m * p->residual_stride + v * lanes));
        // A NaN is the second operand, which is kept.
        result = _mm512_min_ps(high, _mm512_max_ps(low, result));
      }
      _mm512_mask_storeu_ps(y + m * stride + v * lanes, mask[v], result);
    }
  }
}

#define CASE(N) \
  case N: tile(a, b, words, y, stride, p, columns, N, vectors); break;
INLINE void tiles(const uint32_t *a, const uint32_t *b, ptrdiff_t words, float *y, ptrdiff_t stride,
                  const part *p, ptrdiff_t columns, ptrdiff_t rows, const int vectors) {
  switch (rows) {
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
  }
}
#undef CASE
TARGET __attribute__((noinline)) static void any_tile(
    const uint32_t *a, const uint32_t *b, ptrdiff_t words, float *y, ptrdiff_t stride, const part *p,
    ptrdiff_t columns, ptrdiff_t rows) {
  if (columns > lanes) {
    tiles(a, b, words, y, stride, p, columns, rows, 2);
  } else {
    tiles(a, b, words, y, stride, p, columns, rows, 1);
  }
}

void ck_bfloat16_product(const ck_product *p, const uint32_t *a, const uint32_t *b, float *y,
                         const ck_epilogue *e) {
  const ptrdiff_t group = group_words / pass_words;
  for (ptrdiff_t k = 0; k < p->depth || k == 0; k += pass_words) {
    const ptrdiff_t words = least(pass_words, p->depth - k);
    part own = {.first = k == 0, .last = k + words >= p->depth,
                .residual_stride = p->residual_stride, .low = e->low, .high = e->high};
    for (ptrdiff_t g = 0; g < p->rows; g += group) {
      const ptrdiff_t end = least(g + group, p->rows);
      for (ptrdiff_t n = 0; n < p->columns; n += panel_columns) {
        const ptrdiff_t columns = least(panel_columns, p->columns - n);
        const uint32_t *panel = b + n * p->depth + k * (columns > lanes ? 2 : 1) * lanes;
        for (ptrdiff_t m = g; m < end; m += block_rows) {
          own.bias = e->bias ? e->bias + m : NULL;
          own.starts = e->starts ? e->starts + n : NULL;
          own.residual = e->residual ? e->residual + m * p->residual_stride + n : NULL;
          any_tile(a + m * p->depth + k * block_rows, panel, words, y + m * p->stride + n,
                   p->stride, &own, columns, least(block_rows, end - m));
        }
      }
    }
  }
  if (e->function > CK_ACTIVATION_CLIP)
    ck_finish_tile(y, p->rows, p->columns, p->stride, NULL, NULL, e->function, e->a, e->b);
}

// Rows of rounded words of a recurrent product.
enum { most_rows = 32 };

INLINE void recurrent_tile(const uint32_t *w, const uint32_t *x, ptrdiff_t words, const ck_row *rows,
                           size_t place, const int count, const int vectors) {
  __m512 sum[block_rows][2];
  UNROLL for (int m = 0; m < count; m++) {
    UNROLL for (int v = 0; v < vectors; v++) sum[m][v] = _mm512_setzero_ps();
  }
  for (ptrdiff_t k = 0; k < words; k++, w += vectors * lanes) {
    __m512bh own[2];
    UNROLL for (int v = 0; v < vectors; v++) own[v] = (__m512bh)_mm512_loadu_ps(w + v * lanes);
    UNROLL for (int m = 0; m < count; m++) {
      const __m512bh factor = (__m512bh)_mm512_set1_epi32((int)x[m * pass_words + k]);
      UNROLL for (int v = 0; v < vectors; v++)
        sum[m][v] = _mm512_dpbf16_ps(sum[m][v], factor, own[v]);
    }
  }
  UNROLL for (int m = 0; m < count; m++) {
    float *y = (float *)rows[m].y + place;
    UNROLL for (int v = 0; v < vectors; v++)
      _mm512_storeu_ps(y + v * lanes, _mm512_add_ps(_mm512_loadu_ps(y + v * lanes), sum[m][v]));
  }
}

#define CASE(N)                                                                        \
  case N:                                                                              \
    if (vectors == 2)                                                                  \
      recurrent_tile(w, x + first * pass_words, words, rows + first, place, N, 2);     \
    else                                                                               \
      recurrent_tile(w, x + first * pass_words, words, rows + first, place, N, 1);     \
    break;
TARGET static void recurrent_tiles(const uint32_t *w, const uint32_t *x, ptrdiff_t words,
                                   const ck_row *rows, size_t count, size_t place, int vectors) {
  const size_t groups = (count + block_rows - 1) / block_rows;
  for (size_t group = 0, first = 0; group < groups; group++) {
    const size_t end = count * (group + 1) / groups;
    switch (end - first) {
      CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
    }
    first = end;
  }
}
#undef CASE

TARGET void ck_bfloat16_recurrent(const uint32_t *packed, size_t depth, size_t units, size_t gates,
                                  size_t stride, const ck_row *rows, size_t count,
                                  int backwards) {
  uint32_t x[most_rows * pass_words];
  const size_t all = (size_t)ck_bfloat16_words((ptrdiff_t)depth);
  const size_t panels = (units + panel_columns - 1) / panel_columns;
  for (size_t row = 0; row < count; row += most_rows) {
    const size_t own = count - row < most_rows ? count - row : most_rows;
    for (size_t k = 0; k < all; k += pass_words) {
      const size_t words = all - k < pass_words ? all - k : pass_words;
      for (size_t m = 0; m < own; m++) {
        const size_t terms = depth - 2 * k < 2 * words ? depth - 2 * k : 2 * words;
        round_row((const float *)rows[row + m].x + 2 * k, (ptrdiff_t)terms, x + m * pass_words);
      }
      for (size_t turn = 0; turn < panels; turn++) {
        const size_t unit = (backwards ? panels - 1 - turn : turn) * panel_columns;
        const size_t width = units - unit < panel_columns ? units - unit : panel_columns;
        for (size_t gate = 0; gate < gates; gate++)
          recurrent_tiles(packed + unit * gates * all + (gate * all + k) * width, x,
                          (ptrdiff_t)words, rows + row, own, gate * stride + unit,
                          width > lanes ? 2 : 1);
      }
    }
  }
}
#else
int ck_has_bfloat16(void) { return 0; }

void ck_bfloat16_rows(const float *a, ptrdiff_t stride, ptrdiff_t depth, ptrdiff_t rows,
                      uint32_t *words) {}

void ck_bfloat16_panels(float *panels, ptrdiff_t depth, ptrdiff_t columns) {}

void ck_bfloat16_product(const ck_product *p, const uint32_t *a, const uint32_t *b, float *y,
                         const ck_epilogue *e) {}

void ck_bfloat16_recurrent(const uint32_t *packed, size_t depth, size_t units, size_t gates,
                           size_t stride, const ck_row *rows, size_t count, int backwards) {}
#endif
