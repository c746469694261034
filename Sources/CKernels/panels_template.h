// The loops of panels.c for one instruction set. Parameters: TARGET, vectors of WIDTH floats,
// blocks of ROWS rows, names ending in SUFFIX.

#define VECTOR NAMED(panel_vector, SUFFIX)
#define MASK NAMED(panel_mask, SUFFIX)
#define COLUMNS (2 * WIDTH)
typedef float VECTOR __attribute__((vector_size(WIDTH * 4), aligned(4)));

typedef int MASK __attribute__((vector_size(WIDTH * 4), aligned(4)));

TARGET __attribute__((always_inline)) static inline VECTOR NAMED(choose, SUFFIX)(
    MASK mask, VECTOR a, VECTOR b) {
  return (VECTOR)((mask & (MASK)a) | (~mask & (MASK)b));
}

typedef struct {
  int first, last;  // whether the sums begin and end here
  const float *bias, *starts, *residual;
  ptrdiff_t residual_stride;
  float low, high;
} NAMED(part, SUFFIX);

// `rows` rows by `vectors` vectors; the sums stay in registers.
TARGET __attribute__((always_inline)) static inline void NAMED(tile, SUFFIX)(
    const float *a, const float *b, ptrdiff_t depth, float *y, ptrdiff_t stride,
    const NAMED(part, SUFFIX) *part, const int rows, const int vectors) {
  VECTOR sum[ROWS][2];
  if (part->first) {
    VECTOR start[2] = {{0}, {0}};
    if (part->starts)
      UNROLL for (int v = 0; v < vectors; v++)
        start[v] = *(const VECTOR *)(part->starts + v * WIDTH);
    UNROLL for (int m = 0; m < rows; m++) {
      const float bias = part->bias ? part->bias[m] : 0.0f;
      UNROLL for (int v = 0; v < vectors; v++) sum[m][v] = start[v] + bias;
    }
  } else {
    UNROLL for (int m = 0; m < rows; m++) {
      UNROLL for (int v = 0; v < vectors; v++) sum[m][v] = *(const VECTOR *)(y + m * stride + v * WIDTH);
    }
  }
  _Pragma("clang loop unroll_count(4)") for (ptrdiff_t k = 0; k < depth; k++) {
    VECTOR value[2];
    UNROLL for (int v = 0; v < vectors; v++) value[v] = *(const VECTOR *)(b + v * WIDTH);
    UNROLL for (int m = 0; m < rows; m++) {
      UNROLL for (int v = 0; v < vectors; v++) sum[m][v] += a[m] * value[v];
    }
    a += ROWS;
    b += vectors * WIDTH;
  }
  if (part->last) {
    if (part->residual) {
      UNROLL for (int m = 0; m < rows; m++) {
        UNROLL for (int v = 0; v < vectors; v++)
          sum[m][v] += *(const VECTOR *)(part->residual + m * part->residual_stride + v * WIDTH);
      }
    }
    const VECTOR low = (VECTOR){0} + part->low, high = (VECTOR){0} + part->high;
    // A NaN fails every comparison, so it is kept.
    UNROLL for (int m = 0; m < rows; m++) {
      UNROLL for (int v = 0; v < vectors; v++) {
        sum[m][v] = NAMED(choose, SUFFIX)(sum[m][v] < low, low, sum[m][v]);
        sum[m][v] = NAMED(choose, SUFFIX)(sum[m][v] > high, high, sum[m][v]);
      }
    }
  }
  UNROLL for (int m = 0; m < rows; m++) {
    UNROLL for (int v = 0; v < vectors; v++) *(VECTOR *)(y + m * stride + v * WIDTH) = sum[m][v];
  }
}

#define CASES(VECTORS)                                                                        \
  switch (rows) {                                                                             \
    CASE(1, VECTORS) CASE(2, VECTORS) CASE(3, VECTORS) CASE(4, VECTORS) CASE(5, VECTORS)      \
    CASE(6, VECTORS) CASE(7, VECTORS) CASE(8, VECTORS)                                        \
  }
#define CASE(N, VECTORS)                                                                      \
  case N:                                                                                     \
    if (N <= ROWS)                                                                            \
      NAMED(tile, SUFFIX)(a, b, depth, y, stride, part, N <= ROWS ? N : 1, VECTORS);          \
    break;

TARGET __attribute__((noinline)) static void NAMED(any_tile, SUFFIX)(
    const float *a, const float *b, ptrdiff_t depth, float *y, ptrdiff_t stride,
    const NAMED(part, SUFFIX) *part, ptrdiff_t rows, int vectors) {
  if (vectors == 2) {
    CASES(2)
  } else {
    CASES(1)
  }
}

// A tile at the right edge, of which only `columns` columns exist.
TARGET static void NAMED(edge_tile, SUFFIX)(const float *a, const float *b, ptrdiff_t depth,
                                            float *y, ptrdiff_t stride,
                                            const NAMED(part, SUFFIX) *part, ptrdiff_t rows,
                                            int vectors, ptrdiff_t columns) {
  float tile[ROWS * COLUMNS], residual[ROWS * COLUMNS], starts[COLUMNS];
  NAMED(part, SUFFIX) own = *part;
  for (ptrdiff_t m = 0; m < rows; m++) {
    if (!part->first)
      for (ptrdiff_t n = 0; n < columns; n++) tile[m * COLUMNS + n] = y[m * stride + n];
    if (part->residual)
      for (ptrdiff_t n = 0; n < columns; n++)
        residual[m * COLUMNS + n] = part->residual[m * part->residual_stride + n];
  }
  if (part->residual) own.residual = residual, own.residual_stride = COLUMNS;
  if (part->starts) {
    for (ptrdiff_t n = 0; n < columns; n++) starts[n] = part->starts[n];
    own.starts = starts;
  }
  NAMED(any_tile, SUFFIX)(a, b, depth, tile, COLUMNS, &own, rows, vectors);
  for (ptrdiff_t m = 0; m < rows; m++)
    for (ptrdiff_t n = 0; n < columns; n++) y[m * stride + n] = tile[m * COLUMNS + n];
}

// The results of the block from row m and the panel from column n on, for terms k..<k + depth.
TARGET static void NAMED(place, SUFFIX)(const ck_product *p, const float *a, const float *b,
                                        float *y, const ck_epilogue *e, NAMED(part, SUFFIX) *part,
                                        ptrdiff_t k, ptrdiff_t depth, ptrdiff_t m, ptrdiff_t n) {
  const ptrdiff_t columns = least(COLUMNS, p->columns - n), rows = least(ROWS, p->rows - m);
  const int vectors = columns > WIDTH ? 2 : 1;
  const float *panel = b + n * p->depth + k * vectors * WIDTH;
  const float *block = a + m * p->depth + k * ROWS;
  part->starts = e->starts ? e->starts + n : NULL;
  part->bias = e->bias ? e->bias + m : NULL;
  part->residual = e->residual ? e->residual + m * p->residual_stride + n : NULL;
  y += m * p->stride + n;
  if (columns == vectors * WIDTH)
    NAMED(any_tile, SUFFIX)(block, panel, depth, y, p->stride, part, rows, vectors);
  else
    NAMED(edge_tile, SUFFIX)(block, panel, depth, y, p->stride, part, rows, vectors, columns);
}

TARGET static void NAMED(product, SUFFIX)(const ck_product *p, const float *a, const float *b,
                                          float *y, const ck_epilogue *e) {
  const ptrdiff_t group = GROUP_BYTES / (DEPTH * 4) / ROWS * ROWS;
  for (ptrdiff_t k = 0; k < p->depth || k == 0; k += DEPTH) {
    const ptrdiff_t depth = least(DEPTH, p->depth - k);
    NAMED(part, SUFFIX) part = {.first = k == 0, .last = k + depth >= p->depth,
                                .residual_stride = p->residual_stride,
                                .low = e->low, .high = e->high};
    if (p->depth <= SHALLOW) {
      for (ptrdiff_t m = 0; m < p->rows; m += ROWS) {
        for (ptrdiff_t n = 0; n < p->columns; n += COLUMNS)
          NAMED(place, SUFFIX)(p, a, b, y, e, &part, k, depth, m, n);
      }
      continue;
    }
    for (ptrdiff_t g = 0; g < p->rows; g += group) {
      for (ptrdiff_t n = 0; n < p->columns; n += COLUMNS) {
        for (ptrdiff_t m = g; m < least(g + group, p->rows); m += ROWS)
          NAMED(place, SUFFIX)(p, a, b, y, e, &part, k, depth, m, n);
      }
    }
  }
}

// One row by `panels` whole panels at once, which are `step` floats apart: enough independent sums
// to be limited by memory only. The order of additions is that of many rows.
TARGET __attribute__((always_inline)) static inline void NAMED(row_tile, SUFFIX)(
    const float *x, ptrdiff_t depth, const float *b, ptrdiff_t step, float *y,
    const ck_epilogue *e, const int panels) {
  VECTOR sum[4][2];
  UNROLL for (int p = 0; p < panels; p++) {
    UNROLL for (int v = 0; v < 2; v++)
      sum[p][v] =
          e->starts ? *(const VECTOR *)(e->starts + p * COLUMNS + v * WIDTH) : (VECTOR){0};
  }
  for (ptrdiff_t k = 0; k < depth; k++, b += COLUMNS) {
    UNROLL for (int p = 0; p < panels; p++) {
      UNROLL for (int v = 0; v < 2; v++)
        sum[p][v] += x[k] * *(const VECTOR *)(b + p * step + v * WIDTH);
    }
  }
  const VECTOR low = (VECTOR){0} + e->low, high = (VECTOR){0} + e->high;
  UNROLL for (int p = 0; p < panels; p++) {
    UNROLL for (int v = 0; v < 2; v++) {
      if (e->residual) sum[p][v] += *(const VECTOR *)(e->residual + p * COLUMNS + v * WIDTH);
      sum[p][v] = NAMED(choose, SUFFIX)(sum[p][v] < low, low, sum[p][v]);
      *(VECTOR *)(y + p * COLUMNS + v * WIDTH) =
          NAMED(choose, SUFFIX)(sum[p][v] > high, high, sum[p][v]);
    }
  }
}

// One row by a last panel of one vector, in the same order of additions.
TARGET static void NAMED(half_row, SUFFIX)(const float *x, ptrdiff_t depth, const float *b,
                                           float *y, const ck_epilogue *e) {
  VECTOR sum = e->starts ? *(const VECTOR *)e->starts : (VECTOR){0};
  for (ptrdiff_t k = 0; k < depth; k++) sum += x[k] * *(const VECTOR *)(b + k * WIDTH);
  if (e->residual) sum += *(const VECTOR *)e->residual;
  const VECTOR low = (VECTOR){0} + e->low, high = (VECTOR){0} + e->high;
  sum = NAMED(choose, SUFFIX)(sum < low, low, sum);
  *(VECTOR *)y = NAMED(choose, SUFFIX)(sum > high, high, sum);
}

TARGET static void NAMED(row, SUFFIX)(const float *x, ptrdiff_t depth, ptrdiff_t columns,
                                      const float *b, float *y, const ck_epilogue *e) {
  const ptrdiff_t step = depth * COLUMNS, whole = columns / COLUMNS * COLUMNS;
  ck_epilogue own = *e;
  for (ptrdiff_t n = 0; n < whole;) {
    const ptrdiff_t panels = least((whole - n) / COLUMNS, 4);
    const float *from = b + n * depth;
    own.residual = e->residual ? e->residual + n : NULL;
    own.starts = e->starts ? e->starts + n : NULL;
    switch (panels) {
      case 4: NAMED(row_tile, SUFFIX)(x, depth, from, step, y + n, &own, 4); break;
      case 3: NAMED(row_tile, SUFFIX)(x, depth, from, step, y + n, &own, 3); break;
      case 2: NAMED(row_tile, SUFFIX)(x, depth, from, step, y + n, &own, 2); break;
      default: NAMED(row_tile, SUFFIX)(x, depth, from, step, y + n, &own, 1);
    }
    n += panels * COLUMNS;
  }
  if (whole == columns) return;
  float sums[COLUMNS], residual[COLUMNS] = {0}, starts[COLUMNS] = {0};
  for (ptrdiff_t n = whole; n < columns; n++) {
    if (e->residual) residual[n - whole] = e->residual[n];
    if (e->starts) starts[n - whole] = e->starts[n];
  }
  own.residual = e->residual ? residual : NULL;
  own.starts = e->starts ? starts : NULL;
  if (columns - whole > WIDTH) {
    NAMED(row_tile, SUFFIX)(x, depth, b + whole * depth, step, sums, &own, 1);
  } else {
    NAMED(half_row, SUFFIX)(x, depth, b + whole * depth, sums, &own);
  }
  for (ptrdiff_t n = whole; n < columns; n++) y[n] = sums[n - whole];
}

#undef CASES
#undef CASE
#undef VECTOR
#undef MASK
#undef COLUMNS
#undef TARGET
#undef WIDTH
#undef ROWS
#undef SUFFIX
