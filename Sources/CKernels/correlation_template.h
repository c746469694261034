// The loops of correlation.c for one instruction set. Parameters: TARGET, vectors of LANES floats,
// names ending in SUFFIX, at most MAPS rows of sums and TAPS(m) sums in each of m rows, all of
// which stay in registers.

#define VECTOR NAMED(vector, SUFFIX)
typedef float VECTOR __attribute__((vector_size(LANES * 4), aligned(4)));

#define ADD_PRODUCTS(Q)                                                                    \
  VECTOR value[9];                                                                         \
  UNROLL for (int t = 0; t < taps; t++) value[t] = *(const VECTOR *)(place[t] + (Q));      \
  UNROLL for (int m = 0; m < maps; m++) {                                                  \
    const VECTOR own = *(const VECTOR *)(row[m] + (Q));                                    \
    UNROLL for (int t = 0; t < taps; t++) sum[m][t] += own * value[t];                     \
  }

TARGET __attribute__((always_inline)) static inline void NAMED(tile, SUFFIX)(
    const ck_correlation *s, const float *g, const float *x, const ptrdiff_t *offsets, float *w,
    ptrdiff_t stride, const int maps, const int taps) {
  VECTOR sum[8][9];
  UNROLL for (int m = 0; m < maps; m++) {
    UNROLL for (int t = 0; t < taps; t++) sum[m][t] = (VECTOR){0};
  }
  for (ptrdiff_t n = 0; n < s->images; n++, g += s->g_image, x += s->x_image) {
    const float *row[8], *place[9];
    UNROLL for (int m = 0; m < maps; m++) row[m] = g + m * s->g_map;
    UNROLL for (int t = 0; t < taps; t++) place[t] = x + offsets[t];
    if (s->width == LANES) {  // one loop instead of two
      for (ptrdiff_t r = s->rows; r > 0; r--) {
        ADD_PRODUCTS(0)
        UNROLL for (int m = 0; m < maps; m++) row[m] += s->g_row;
        UNROLL for (int t = 0; t < taps; t++) place[t] += s->x_row;
      }
      continue;
    }
    for (ptrdiff_t r = s->rows; r > 0; r--) {
      for (ptrdiff_t q = 0; q < s->width; q += LANES) {
        ADD_PRODUCTS(q)
      }
      UNROLL for (int m = 0; m < maps; m++) row[m] += s->g_row;
      UNROLL for (int t = 0; t < taps; t++) place[t] += s->x_row;
    }
  }
  UNROLL for (int m = 0; m < maps; m++) {
    UNROLL for (int t = 0; t < taps; t++) {
      float part[LANES];
      UNROLL for (int l = 0; l < LANES; l++) part[l] = sum[m][t][l];
      UNROLL for (int half = LANES / 2; half > 0; half /= 2) {
        UNROLL for (int l = 0; l < half; l++) part[l] += part[l + half];
      }
      w[m * stride + t] += part[0];
    }
  }
}

#define CASE(M, T)                                                                         \
  case T:                                                                                  \
    if (M <= MAPS && T <= TAPS(M))                                                         \
      NAMED(tile, SUFFIX)(s, g, x, offsets + first, w + first, stride, M, T <= TAPS(M) ? T : 1); \
    break;

// All sums of M rows, in groups of nearly equal size.
#define ROWS(M)                                                                            \
  TARGET static void NAMED(rows##M, SUFFIX)(const ck_correlation *s, const float *g,       \
                                            const float *x, const ptrdiff_t *offsets,      \
                                            ptrdiff_t taps, float *w, ptrdiff_t stride) {  \
    const ptrdiff_t groups = (taps + TAPS(M) - 1) / TAPS(M);                               \
    for (ptrdiff_t group = 0, first = 0; group < groups; group++) {                        \
      const ptrdiff_t end = taps * (group + 1) / groups;                                   \
      switch (end - first) {                                                               \
        CASE(M, 1) CASE(M, 2) CASE(M, 3) CASE(M, 4) CASE(M, 5)                             \
        CASE(M, 6) CASE(M, 7) CASE(M, 8) CASE(M, 9)                                        \
      }                                                                                    \
      first = end;                                                                         \
    }                                                                                      \
  }

ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)

TARGET static void NAMED(correlate, SUFFIX)(const ck_correlation *s, const float *g,
                                            ptrdiff_t maps, const float *x,
                                            const ptrdiff_t *offsets, ptrdiff_t taps, float *w,
                                            ptrdiff_t stride) {
  const ptrdiff_t groups = (maps + MAPS - 1) / MAPS;
  for (ptrdiff_t group = 0, first = 0; group < groups; group++) {
    const ptrdiff_t end = maps * (group + 1) / groups;
    const float *own = g + first * s->g_map;
    float *target = w + first * stride;
    switch (end - first) {
      case 1: NAMED(rows1, SUFFIX)(s, own, x, offsets, taps, target, stride); break;
      case 2: NAMED(rows2, SUFFIX)(s, own, x, offsets, taps, target, stride); break;
      case 3: NAMED(rows3, SUFFIX)(s, own, x, offsets, taps, target, stride); break;
      case 4: NAMED(rows4, SUFFIX)(s, own, x, offsets, taps, target, stride); break;
    }
    first = end;
  }
}

#undef ADD_PRODUCTS
#undef CASE
#undef ROWS
#undef VECTOR
#undef TARGET
#undef LANES
#undef MAPS
#undef TAPS
#undef SUFFIX
