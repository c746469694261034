// The loops of dot.c for one instruction set. Parameters: TARGET, names ending in SUFFIX, tiles of
// VECTORS vectors by ROWS rows of the matrix, or one vector by SINGLE rows. Sums stay in registers.

// Adds the piece that starts at term `first`, of `vectors` vectors starting at `n` and `rows` rows
// starting at `m`. If there are fewer, the last one is repeated, so that every sum is added in the
// same order.
TARGET __attribute__((always_inline)) static inline void NAMED(tile, SUFFIX)(
    const dots *p, ptrdiff_t first, ptrdiff_t n, ptrdiff_t m, const int vectors, const int rows) {
  const ptrdiff_t count = least(PIECE, p->depth - first);
  const float *start = first + count < p->depth ? NULL : p->start;
  const float *x[VECTORS], *row[SINGLE > ROWS ? SINGLE : ROWS];
  sixteen sum[VECTORS][SINGLE > ROWS ? SINGLE : ROWS];
  UNROLL for (int v = 0; v < vectors; v++) {
    x[v] = p->x + least(n + v, p->vectors - 1) * p->depth + first;
    UNROLL for (int i = 0; i < rows; i++) sum[v][i] = (sixteen){0};
  }
  UNROLL for (int i = 0; i < rows; i++)
    row[i] = p->w + least(m + i, p->rows - 1) * p->depth + first;
  ptrdiff_t k = 0;
  for (; k + 16 <= count; k += 16) {
    UNROLL for (int v = 0; v < vectors; v++) {
      UNROLL for (int i = 0; i < rows; i++)
        sum[v][i] += *(const sixteen *)(x[v] + k) * *(const sixteen *)(row[i] + k);
    }
  }
  UNROLL for (int v = 0; v < vectors; v++) {
    if (n + v >= p->vectors) break;
    float *y = p->y + (n + v) * p->stride + m;
    UNROLL for (int i = 0; i < rows; i++) {
      if (m + i >= p->rows) break;
      const eight both = __builtin_shufflevector(sum[v][i], sum[v][i], 0, 1, 2, 3, 4, 5, 6, 7) +
                         __builtin_shufflevector(sum[v][i], sum[v][i], 8, 9, 10, 11, 12, 13, 14, 15);
      float total = 0;
      for (int lane = 0; lane < 8; lane++) total += both[lane];
      for (ptrdiff_t j = k; j < count; j++) total += x[v][j] * row[i][j];
      if (first > 0) total += y[i];
      y[i] = start ? total + start[m + i] : total;
    }
  }
}

TARGET static void NAMED(dot, SUFFIX)(const dots *p) {
  if (p->vectors == 1) {  // the matrix is read from front to end
    for (ptrdiff_t m = 0; m < p->rows; m += SINGLE) {
      for (ptrdiff_t first = 0; first < p->depth || first == 0; first += PIECE)
        NAMED(tile, SUFFIX)(p, first, 0, m, 1, SINGLE);
    }
    return;
  }
  for (ptrdiff_t first = 0; first < p->depth || first == 0; first += PIECE) {
    for (ptrdiff_t m = 0; m < p->rows; m += ROWS) {
      for (ptrdiff_t n = 0; n < p->vectors; n += VECTORS)
        NAMED(tile, SUFFIX)(p, first, n, m, VECTORS, ROWS);
    }
  }
}

#undef TARGET
#undef SUFFIX
#undef VECTORS
#undef ROWS
#undef SINGLE
