// The loops of int8.c for one instruction set. Parameters: TARGET; vectors of WIDTH int32; blocks of
// ROWS rows; names ending in SUFFIX; DOT(sum, u, s), which adds the products of four unsigned with
// four signed bytes to each int32, or, if there is no such instruction, PAIRS(x, y), which multiplies
// 16-bit integers and adds pairs of products.

#define INTS NAMED(int8_ints, SUFFIX)
#define WORDS NAMED(int8_words, SUFFIX)
#define HALVES NAMED(int8_halves, SUFFIX)
#define FLOATS NAMED(int8_floats, SUFFIX)
typedef int32_t INTS __attribute__((vector_size(WIDTH * 4), aligned(4)));
typedef uint32_t WORDS __attribute__((vector_size(WIDTH * 4), aligned(4)));
typedef int16_t HALVES __attribute__((vector_size(WIDTH * 4), aligned(4)));
typedef float FLOATS __attribute__((vector_size(WIDTH * 4), aligned(4)));
#define COLUMNS (2 * WIDTH)

// The sums of `rows` rows and `panels` panels of `vectors` vectors, which are `apart` bytes apart;
// y is [row, panel, column].
TARGET __attribute__((always_inline)) static inline void NAMED(int8_tile, SUFFIX)(
    const uint8_t *a, const uint8_t *b, ptrdiff_t apart, const ptrdiff_t *offsets, ptrdiff_t steps,
    int32_t *y, const int rows, const int panels, const int vectors, const int b_is_signed) {
  INTS sum[ROWS][8];
  const int all = panels * vectors;
  UNROLL for (int m = 0; m < rows; m++) {
    UNROLL for (int v = 0; v < all; v++) sum[m][v] = (INTS){0};
  }
  for (ptrdiff_t k = 0; k < steps; k++) {
    const uint8_t *from = offsets ? b + offsets[k] : b;
    INTS value[8];
    UNROLL for (int p = 0; p < panels; p++) {
      UNROLL for (int v = 0; v < vectors; v++)
        value[p * vectors + v] = *(const INTS *)(from + p * apart + v * WIDTH * 4);
    }
#if defined(DOT)
    UNROLL for (int m = 0; m < rows; m++) {
      const INTS factor = (INTS){0} + *(const int32_t *)(a + m * 4);
      UNROLL for (int v = 0; v < all; v++)
        sum[m][v] = b_is_signed ? DOT(sum[m][v], factor, value[v]) : DOT(sum[m][v], value[v], factor);
    }
    a += rows * 4;
#else
    HALVES even[8], odd[8];
    UNROLL for (int v = 0; v < all; v++) {
      const HALVES pairs = (HALVES)value[v];
      even[v] = b_is_signed ? (HALVES)(pairs << 8) >> 8 : pairs & 255;
      odd[v] = b_is_signed ? pairs >> 8 : (pairs >> 8) & 255;
    }
    UNROLL for (int m = 0; m < rows; m++) {
      const HALVES first = (HALVES)((INTS){0} + *(const int32_t *)(a + m * 8));
      const HALVES second = (HALVES)((INTS){0} + *(const int32_t *)(a + m * 8 + 4));
      UNROLL for (int v = 0; v < all; v++)
        sum[m][v] += PAIRS(even[v], first) + PAIRS(odd[v], second);
    }
    a += rows * 8;
#endif
    if (!offsets) b += vectors * WIDTH * 4;
  }
  UNROLL for (int m = 0; m < rows; m++) {
    UNROLL for (int v = 0; v < all; v++) *(INTS *)(y + (m * all + v) * WIDTH) = sum[m][v];
  }
}

#define CASE(N, PANELS, VECTORS)                                                               \
  case N:                                                                                      \
    if (N <= ROWS)                                                                             \
      NAMED(int8_tile, SUFFIX)(a, b, apart, offsets, steps, y, N <= ROWS ? N : 1, PANELS,      \
                               VECTORS, b_is_signed);                                          \
    break;
#define CASES(VECTORS)                                                                         \
  switch (rows) {                                                                              \
    CASE(1, 1, VECTORS) CASE(2, 1, VECTORS) CASE(3, 1, VECTORS) CASE(4, 1, VECTORS)            \
    CASE(5, 1, VECTORS) CASE(6, 1, VECTORS) CASE(7, 1, VECTORS) CASE(8, 1, VECTORS)            \
    CASE(9, 1, VECTORS) CASE(10, 1, VECTORS) CASE(11, 1, VECTORS) CASE(12, 1, VECTORS)         \
  }
// One panel, of one or two vectors; or several whole ones for few rows.
#define TILES(NAME, SIGNED)                                                                    \
  TARGET __attribute__((noinline)) static void NAME(                                           \
      const uint8_t *a, const uint8_t *b, ptrdiff_t apart, const ptrdiff_t *offsets,           \
      ptrdiff_t steps, int32_t *y, ptrdiff_t rows, int panels, int vectors) {                  \
    const int b_is_signed = SIGNED;                                                            \
    if (panels > 1) {                                                                          \
      switch (rows) {                                                                          \
        CASE(1, 4, 2) CASE(2, 2, 2) CASE(3, 2, 2)                                              \
      }                                                                                        \
    } else if (vectors == 2) {                                                                 \
      CASES(2)                                                                                 \
    } else {                                                                                   \
      CASES(1)                                                                                 \
    }                                                                                          \
  }
TILES(NAMED(int8_tile_signed, SUFFIX), 1)
TILES(NAMED(int8_tile_unsigned, SUFFIX), 0)
#undef TILES
#undef CASES
#undef CASE

TARGET __attribute__((always_inline)) static inline INTS NAMED(int8_value, SUFFIX)(
    const int32_t *sums, const ck_int8_epilogue *e, ptrdiff_t m, ptrdiff_t n) {
  WORDS v = *(const WORDS *)sums;
  if (e->row) v += (uint32_t)e->row[m];
  if (e->column) v += *(const WORDS *)(e->column + n);
  if (e->row_factor) v += (uint32_t)e->row_factor[m] * *(const WORDS *)(e->column_factor + n);
  if (e->second_row_factor)
    v += (uint32_t)e->second_row_factor[m] * *(const WORDS *)(e->second_column_factor + n);
  return (INTS)v;
}

TARGET __attribute__((always_inline)) static inline FLOATS NAMED(int8_scaled, SUFFIX)(
    INTS v, const ck_int8_epilogue *e, ptrdiff_t m, ptrdiff_t n) {
  FLOATS x = __builtin_convertvector(v, FLOATS);
  if (e->column_scale) {
    FLOATS scale = *(const FLOATS *)(e->column_scale + n);
    if (e->row_scale) scale *= e->row_scale[m];
    x *= scale;
  } else if (e->row_scale) {
    x *= e->row_scale[m];
  }
  return x;
}

TARGET __attribute__((always_inline)) static inline FLOATS NAMED(int8_clip, SUFFIX)(
    FLOATS x, float low, float high, const int keeps_nan) {
  const FLOATS least = (FLOATS){0} + low, most = (FLOATS){0} + high;
  const INTS raise = keeps_nan ? x < least : ~(x >= least);
  x = (FLOATS)((raise & (INTS)least) | (~raise & (INTS)x));
  const INTS lower = x > most;
  return (FLOATS)((lower & (INTS)most) | (~lower & (INTS)x));
}

// The integer results of a vector.
TARGET __attribute__((always_inline)) static inline INTS NAMED(int8_rounded, SUFFIX)(
    const int32_t *sums, const ck_int8_epilogue *e, ptrdiff_t m, ptrdiff_t n) {
  const FLOATS x = NAMED(int8_scaled, SUFFIX)(NAMED(int8_value, SUFFIX)(sums, e, m, n), e, m, n);
  const float zero = (float)e->zero;
  // The bounds are whole numbers, so that clipping may come first.
  const FLOATS y = NAMED(int8_clip, SUFFIX)(x, e->low - zero, e->high - zero, 0);
  // Adding 1.5 · 2²³ leaves the integer in the low bits of the significand, halves rounded to even.
  return (INTS)(y + 12582912.0f) - 0x4B400000 + e->zero;
}

#define BYTES NAMED(int8_bytes, SUFFIX)
typedef uint8_t BYTES __attribute__((vector_size(WIDTH), aligned(1)));

// Writes `columns` columns of a row, whole vectors of them.
TARGET __attribute__((always_inline)) static inline void NAMED(int8_row, SUFFIX)(
    const int32_t *sums, const ck_int8_epilogue *e, ptrdiff_t m, ptrdiff_t n, void *y,
    ptrdiff_t columns) {
  for (ptrdiff_t i = 0; i < columns; i += WIDTH) {
    if (e->result == CK_INT8_SUMS) {
      *(INTS *)((int32_t *)y + i) = NAMED(int8_value, SUFFIX)(sums + i, e, m, n + i);
    } else if (e->result == CK_INT8_FLOATS) {
      FLOATS x = NAMED(int8_scaled, SUFFIX)(NAMED(int8_value, SUFFIX)(sums + i, e, m, n + i), e, m,
                                            n + i);
      if (e->residual) x += *(const FLOATS *)(e->residual + m * e->residual_stride + n + i);
      if (e->column_bias) {
        x += *(const FLOATS *)(e->column_bias + n + i);
      } else if (e->row_bias) {
        x += e->row_bias[m];
      }
      *(FLOATS *)((float *)y + i) = NAMED(int8_clip, SUFFIX)(x, e->low, e->high, 1);
    } else {
      const INTS v = NAMED(int8_rounded, SUFFIX)(sums + i, e, m, n + i);
      *(BYTES *)((uint8_t *)y + i) = __builtin_convertvector(v, BYTES);
    }
  }
}

// Finishes `columns` columns from column n on of a tile whose rows are `width` sums apart. `count`
// columns may be read from the epilogue's vectors and written; it is a multiple of WIDTH.
TARGET static void NAMED(int8_finish, SUFFIX)(const int32_t *sums, ptrdiff_t width,
                                              const ck_int8_epilogue *e, ptrdiff_t m, ptrdiff_t n,
                                              ptrdiff_t rows, ptrdiff_t count, void *y,
                                              ptrdiff_t stride) {
  if (e->result == CK_INT8_QUADS) {
    for (ptrdiff_t r = 0; r < rows; r += 4) {
      for (ptrdiff_t i = 0; i < count; i += WIDTH) {
        INTS quads = {0};
        for (int part = 0; part < 4 && r + part < rows; part++)
          quads |= NAMED(int8_rounded, SUFFIX)(sums + (r + part) * width + i, e, m + r + part,
                                               n + i) << (8 * part);
        *(INTS *)((uint8_t *)y + r / 4 * stride + i * 4) = quads;
      }
    }
    return;
  }
  const ptrdiff_t size = e->result <= CK_INT8_FLOATS ? 4 : 1;
  for (ptrdiff_t r = 0; r < rows; r++)
    NAMED(int8_row, SUFFIX)(sums + r * width, e, m + r, n, (uint8_t *)y + r * stride * size, count);
}

// The same for a last vector of which only `columns` columns exist.
TARGET static void NAMED(int8_finish_edge, SUFFIX)(const int32_t *sums, ptrdiff_t width,
                                                   const ck_int8_epilogue *e, ptrdiff_t m,
                                                   ptrdiff_t n, ptrdiff_t rows, ptrdiff_t columns,
                                                   uint8_t *y, ptrdiff_t stride) {
  int32_t column[WIDTH] = {0}, factor[WIDTH] = {0}, second[WIDTH] = {0};
  float scale[WIDTH] = {0}, bias[WIDTH] = {0};
  ck_int8_epilogue own = *e;
  const size_t bytes = (size_t)columns * 4;
  if (e->column) own.column = memcpy(column, e->column + n, bytes);
  if (e->column_factor) own.column_factor = memcpy(factor, e->column_factor + n, bytes);
  if (e->second_column_factor)
    own.second_column_factor = memcpy(second, e->second_column_factor + n, bytes);
  if (e->column_scale) own.column_scale = memcpy(scale, e->column_scale + n, bytes);
  if (e->column_bias) own.column_bias = memcpy(bias, e->column_bias + n, bytes);
  uint8_t result[ROWS * WIDTH * 4];
  const int is_quads = e->result == CK_INT8_QUADS;
  const ptrdiff_t size = e->result <= CK_INT8_FLOATS ? 4 : 1, lines = is_quads ? (rows + 3) / 4 : rows;
  float residual[ROWS * WIDTH] = {0};
  if (e->residual) {
    for (ptrdiff_t r = 0; r < rows; r++)
      memcpy(residual + r * WIDTH, e->residual + (m + r) * e->residual_stride + n, bytes);
    own.residual = residual;
    own.residual_stride = WIDTH;
  }
  if (own.row) own.row += m;
  if (own.row_factor) own.row_factor += m;
  if (own.second_row_factor) own.second_row_factor += m;
  if (own.row_scale) own.row_scale += m;
  if (own.row_bias) own.row_bias += m;
  const ptrdiff_t line = is_quads ? WIDTH * 4 : WIDTH * size;
  NAMED(int8_finish, SUFFIX)(sums, width, &own, 0, 0, rows, WIDTH, result,
                             is_quads ? WIDTH * 4 : WIDTH);
  const ptrdiff_t step = is_quads ? stride : stride * size;
  for (ptrdiff_t r = 0; r < lines; r++)
    memcpy(y + r * step, result + r * line, (size_t)(columns * (is_quads ? 4 : size)));
}

TARGET static void NAMED(int8_multiply, SUFFIX)(const ck_int8_product *p, const uint8_t *a,
                                                const uint8_t *b, uint8_t *y,
                                                const ck_int8_epilogue *e) {
  __attribute__((aligned(64))) int32_t sums[ROWS * COLUMNS > 8 * WIDTH ? ROWS * COLUMNS : 8 * WIDTH];
  const ptrdiff_t row_bytes = NAMED(int8_row_bytes, SUFFIX);
  const int is_quads = e->result == CK_INT8_QUADS;
  const ptrdiff_t size = is_quads || e->result <= CK_INT8_FLOATS ? 4 : 1;
  for (ptrdiff_t n = 0, next; n < p->columns; n = next) {
    const ptrdiff_t rest = p->columns - n;
    const int vectors = rest > WIDTH ? 2 : 1;
    // Several panels at once where one would have too few independent sums.
    int panels = 1;
    if (p->rows == 1 && rest >= 4 * COLUMNS) panels = 4;
    if ((p->rows == 2 || p->rows == 3) && ROWS >= 6 && rest >= 2 * COLUMNS) panels = 2;
    const ptrdiff_t columns = least(panels * COLUMNS, rest), width = panels * vectors * WIDTH;
    const ptrdiff_t whole = columns / WIDTH * WIDTH;
    next = n + columns;
    const uint8_t *panel = p->offsets ? b + n * 4 : b + n * p->steps * 4;
    const ptrdiff_t apart = p->offsets ? COLUMNS * 4 : p->steps * COLUMNS * 4;
    for (ptrdiff_t m = 0; m < p->rows; m += p->block) {
      const ptrdiff_t rows = least(p->block, p->rows - m);
      const uint8_t *block = a + m * p->steps * row_bytes;
      (p->b_is_signed ? NAMED(int8_tile_signed, SUFFIX) : NAMED(int8_tile_unsigned, SUFFIX))(
          block, panel, apart, p->offsets, p->steps, sums, rows, panels, vectors);
      uint8_t *place = y + (is_quads ? m / 4 * p->stride : m * p->stride * size) + n * size;
      if (whole > 0)
        NAMED(int8_finish, SUFFIX)(sums, width, e, m, n, rows, whole, place, p->stride);
      if (whole < columns)
        NAMED(int8_finish_edge, SUFFIX)(sums + whole, width, e, m, n + whole, rows,
                                        columns - whole, place + whole * size, p->stride);
    }
  }
}

#undef BYTES
#undef COLUMNS
#undef INTS
#undef WORDS
#undef HALVES
#undef FLOATS
#undef TARGET
#undef WIDTH
#undef ROWS
#undef SUFFIX
#undef DOT
#undef PAIRS
