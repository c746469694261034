// The loops of int8_convolution.c for one instruction set. Parameters: TARGET, vectors of WIDTH
// places, blocks of ROWS rows, at most WIDE vectors in registers, names ending in SUFFIX, DOT or
// PAIRS as in int8_template.h, and CELLS (see int8_depthwise_template.h).

#define INTS NAMED(int8_ints, SUFFIX)
#define HALVES NAMED(int8_halves, SUFFIX)
#define FLOATS NAMED(int8_floats, SUFFIX)
#define BYTES NAMED(int8_bytes, SUFFIX)
typedef int16_t HALVES __attribute__((vector_size(WIDTH * 4), aligned(4)));
typedef int32_t INTS __attribute__((vector_size(WIDTH * 4), aligned(4)));
typedef float FLOATS __attribute__((vector_size(WIDTH * 4), aligned(4)));
typedef uint8_t BYTES __attribute__((vector_size(WIDTH), aligned(1)));

// The number of 4-byte units in a row's weights for one cell: 2 if they are widened to 16 bits.
#if defined(DOT)
#define UNITS 1
#else
#define UNITS 2
#endif

// Adds the products of cells and the weights of one row.
TARGET __attribute__((always_inline)) static inline INTS NAMED(with_cells, SUFFIX)(
    INTS sum, INTS cells, const uint32_t *w) {
#if defined(DOT)
  return DOT(sum, cells, (INTS){0} + (int32_t)*w);
#else
  const HALVES even = (HALVES)cells & 255, odd = ((HALVES)cells >> 8) & 255;
  return sum + PAIRS(even, (HALVES)((INTS){0} + (int32_t)w[0])) +
         PAIRS(odd, (HALVES)((INTS){0} + (int32_t)w[1]));
#endif
}

// Rounds and clips; a NaN gives the least value.
TARGET __attribute__((always_inline)) static inline BYTES NAMED(quantized, SUFFIX)(
    INTS sum, float scale, float low, float high, int32_t zero) {
  const FLOATS x = __builtin_convertvector(sum, FLOATS) * scale;
  const FLOATS lows = (FLOATS){0} + low, highs = (FLOATS){0} + high;
  const INTS above = x > lows;
  const FLOATS y = (FLOATS)((above & (INTS)x) | (~above & (INTS)lows));
  const INTS below = y < highs;
  const FLOATS z = (FLOATS)((below & (INTS)y) | (~below & (INTS)highs));
  const INTS bits = (INTS)(z + ROUNDER) + zero;
  return __builtin_convertvector(bits, BYTES);
}

// `rows` rows by `vectors` vectors; the sums stay in registers. Results go to y, whose rows are
// `stride` elements apart.
TARGET __attribute__((always_inline)) static inline void NAMED(tile, SUFFIX)(
    const ptrdiff_t *offsets, ptrdiff_t depth, const uint32_t *w, const uint32_t *x, void *y,
    ptrdiff_t stride, const ck_int8_results *r, ptrdiff_t row, const int32_t *windows,
    const int rows, const int vectors) {
  INTS sum[ROWS][WIDE];
  UNROLL for (int m = 0; m < rows; m++) {
    UNROLL for (int v = 0; v < vectors; v++) {
      sum[m][v] = (INTS){0} + r->start[row + m];
      if (windows) sum[m][v] -= r->zero[row + m] * *(const INTS *)(windows + v * WIDTH);
    }
  }
  for (ptrdiff_t k = 0; k < depth; k++) {
    const uint32_t *from = x + offsets[k];
    INTS value[WIDE];
    UNROLL for (int v = 0; v < vectors; v++) value[v] = *(const INTS *)(from + v * WIDTH);
    UNROLL for (int m = 0; m < rows; m++) {
      UNROLL for (int v = 0; v < vectors; v++)
        sum[m][v] = NAMED(with_cells, SUFFIX)(sum[m][v], value[v], w + m * UNITS);
    }
    w += ROWS * UNITS;
  }
  if (!r->scale) {
    UNROLL for (int m = 0; m < rows; m++) {
      UNROLL for (int v = 0; v < vectors; v++)
        *(INTS *)((int32_t *)y + m * stride + v * WIDTH) = sum[m][v];
    }
    return;
  }
  const float low = (float)(r->low - r->zero_y), high = (float)(r->high - r->zero_y);
  const int32_t zero = r->zero_y - ROUNDER_BITS;
  UNROLL for (int m = 0; m < rows; m++) {
    UNROLL for (int v = 0; v < vectors; v++)
      *(BYTES *)((uint8_t *)y + m * stride + v * WIDTH) =
          NAMED(quantized, SUFFIX)(sum[m][v], r->scale[row + m], low, high, zero);
  }
}

#define CASE(ROWS_, VECTORS)                                                                 \
  case 16 * (ROWS_) + VECTORS:                                                               \
    if (ROWS_ <= ROWS && VECTORS <= WIDE)                                                    \
      NAMED(tile, SUFFIX)(offsets, depth, w, x, y, stride, r, row, windows,                  \
                          ROWS_ <= ROWS ? ROWS_ : 1, VECTORS <= WIDE ? VECTORS : 1);         \
    break;

TARGET __attribute__((noinline)) static void NAMED(any_tile, SUFFIX)(
    const ptrdiff_t *offsets, ptrdiff_t depth, const uint32_t *w, const uint32_t *x, void *y,
    ptrdiff_t stride, const ck_int8_results *r, ptrdiff_t row, const int32_t *windows, int rows,
    int vectors) {
  switch (16 * rows + vectors) {
    CASE(1, 1) CASE(1, 2) CASE(1, 3) CASE(4, 1) CASE(4, 2) CASE(4, 3)
    CASE(8, 1) CASE(8, 2) CASE(8, 3)
  }
}

#if defined(ROW_DOT) || defined(ROW_PAIRS)
#define LANES NAMED(int8_lanes, SUFFIX)
typedef int32_t LANES __attribute__((vector_size(ROWS * UNITS * 4), aligned(4)));

// The sums of `blocks` blocks of rows for one place: the rows are the lanes of the vectors.
TARGET __attribute__((always_inline)) static inline void NAMED(column, SUFFIX)(
    const ck_direct *s, const uint32_t *packed, const uint32_t *x, int32_t *sums,
    const int blocks) {
  const ptrdiff_t block = s->depth * ROWS * UNITS;
  LANES sum[4];
  UNROLL for (int b = 0; b < blocks; b++) sum[b] = (LANES){0};
  for (ptrdiff_t k = 0; k < s->depth; k++, packed += ROWS * UNITS) {
    const uint32_t cell = x[s->offsets[k]];
#if defined(ROW_DOT)
    const LANES value = (LANES){0} + (int32_t)cell;
    UNROLL for (int b = 0; b < blocks; b++)
      sum[b] = ROW_DOT(sum[b], value, *(const LANES *)(packed + b * block));
#else
    typedef int64_t both __attribute__((vector_size(ROWS * UNITS * 4)));
    const int64_t even = cell & 0x00ff00ff, odd = (cell >> 8) & 0x00ff00ff;
    const both value = (both){0} + (even | odd << 32);
    UNROLL for (int b = 0; b < blocks; b++)
      sum[b] += ROW_PAIRS(value, *(const LANES *)(packed + b * block));
#endif
  }
  UNROLL for (int b = 0; b < blocks; b++) {
    UNROLL for (int m = 0; m < ROWS; m++)
      sums[b * ROWS + m] = sum[b][m * UNITS] + (UNITS == 2 ? sum[b][m * UNITS + UNITS - 1] : 0);
  }
}

// A few places, one by one.
TARGET static void NAMED(few, SUFFIX)(const ck_direct *s, const uint32_t *packed, ptrdiff_t rows,
                                      const uint32_t *x, ptrdiff_t first, ptrdiff_t count,
                                      uint8_t *y, const ck_int8_results *r) {
  for (ptrdiff_t place = first; place < first + count; place++) {
    const ptrdiff_t oy = place / s->row, ox = place % s->row;
    if (ox >= s->width) continue;
    for (ptrdiff_t m = 0; m < rows; m += 4 * ROWS) {
      int32_t sums[4 * ROWS];
      const uint32_t *own = packed + m * s->depth * UNITS;
      if (rows - m > 3 * ROWS) {
        NAMED(column, SUFFIX)(s, own, x + place, sums, 4);
      } else {
        for (ptrdiff_t b = 0; m + b < rows; b += ROWS)
          NAMED(column, SUFFIX)(s, own + b * s->depth * UNITS, x + place, sums + b, 1);
      }
      for (ptrdiff_t i = m; i < least(m + 4 * ROWS, rows); i++)
        finish_one(r, i, place, sums[i - m], y, i * s->outputs + oy * s->width + ox);
    }
  }
}
#endif

TARGET static void NAMED(convolve, SUFFIX)(const ck_direct *s, const uint32_t *packed,
                                           ptrdiff_t rows, const uint32_t *x, ptrdiff_t first,
                                           ptrdiff_t count, void *y, const ck_int8_results *r) {
  const ptrdiff_t size = r->scale ? 1 : 4;
#if defined(LANES)
  if (count <= WIDTH / 4) return NAMED(few, SUFFIX)(s, packed, rows, x, first, count, y, r);
#endif
  int32_t results[ROWS * WIDE * WIDTH];
  for (ptrdiff_t n = 0; n < count;) {
    const ptrdiff_t vectors = part(count - n, WIDTH, WIDE);
    const ptrdiff_t taken = least(count - n, vectors * WIDTH), place = first + n;
    const int is_whole = s->row == s->width && taken == vectors * WIDTH;
    for (ptrdiff_t m = 0; m < rows; m += ROWS) {
      const ptrdiff_t left = least(rows - m, ROWS);
      const ptrdiff_t computed = left > 4 ? 8 : left > 1 ? 4 : 1;
      uint8_t *to = (uint8_t *)y + (m * s->outputs + place) * size;
      const int is_direct = is_whole && computed == left;
      NAMED(any_tile, SUFFIX)(s->offsets, s->depth, packed + m * s->depth * UNITS, x + place,
                              is_direct ? (void *)to : results,
                              is_direct ? s->outputs : WIDE * WIDTH, r, m,
                              r->windows ? r->windows + place : NULL, (int)computed,
                              (int)vectors);
      for (ptrdiff_t i = 0; i < left && !is_direct; i++)
        finish(s, (const uint8_t *)results + i * WIDE * WIDTH * size, place, taken, size,
               (uint8_t *)y + (m + i) * s->outputs * size);
    }
    n += taken;
  }
}

#include "int8_depthwise_template.h"

#undef CASE
#undef LANES
#undef ROW_DOT
#undef ROW_PAIRS
#undef UNITS
#undef CELLS
#undef INTS
#undef HALVES
#undef FLOATS
#undef BYTES
#undef TARGET
#undef WIDTH
#undef ROWS
#undef WIDE
#undef DOT
#undef PAIRS
#undef SUFFIX
