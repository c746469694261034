// The loops of outer.c for one element type and instruction set. Parameters: REAL, the element type;
// BYTES, the size of a vector; TAPS, the rows of two vectors whose sums stay in registers; SUFFIX, to
// which names end; TARGET.

typedef REAL NAME(vec) __attribute__((vector_size(BYTES), aligned(__alignof__(REAL))));

#define LANES ((ptrdiff_t)(BYTES / sizeof(REAL)))
#define PANEL (2 * LANES)

TARGET __attribute__((always_inline)) static inline void NAME(tile)(
    const ck_places *s, const REAL *g, const REAL *x, const ptrdiff_t *offsets, REAL *w,
    ptrdiff_t stride, const int taps, const int vectors) {
  NAME(vec) sum[8][2];
  const REAL *place[8];
  UNROLL for (int t = 0; t < taps; t++) {
    place[t] = x + offsets[t];
    UNROLL for (int v = 0; v < vectors; v++) sum[t][v] = (NAME(vec)){0};
  }
  const ptrdiff_t columns = s->columns, step = s->x_column;
  for (ptrdiff_t n = 0; n < s->images; n++) {
    for (ptrdiff_t r = 0; r < s->rows; r++) {
      ptrdiff_t i = n * s->x_image + r * s->x_row;
      for (ptrdiff_t q = columns; q > 0; q--, i += step, g += vectors * LANES) {
        NAME(vec) own[2];
        UNROLL for (int v = 0; v < vectors; v++) own[v] = ((const NAME(vec) *)g)[v];
        UNROLL for (int t = 0; t < taps; t++) {
          UNROLL for (int v = 0; v < vectors; v++) sum[t][v] += place[t][i] * own[v];
        }
      }
    }
  }
  UNROLL for (int t = 0; t < taps; t++) {
    UNROLL for (int v = 0; v < vectors; v++) ((NAME(vec) *)(w + t * stride))[v] += sum[t][v];
  }
}

#define CASE(T)                                                                                 \
  case T:                                                                                       \
    if (T <= TAPS)                                                                              \
      NAME(tile)(s, g, x, offsets + first, w + first * stride, stride, T <= TAPS ? T : 1, vectors); \
    break;

// All sums of a panel of columns, in groups of nearly equal size.
TARGET __attribute__((always_inline)) static inline void NAME(panel)(
    const ck_places *s, const REAL *g, const REAL *x, const ptrdiff_t *offsets, ptrdiff_t taps,
    REAL *w, ptrdiff_t stride, const int vectors) {
  const ptrdiff_t groups = (taps + TAPS - 1) / TAPS;
  for (ptrdiff_t group = 0, first = 0; group < groups; group++) {
    const ptrdiff_t end = taps * (group + 1) / groups;
    switch (end - first) {
      CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
    }
    first = end;
  }
}
#undef CASE

TARGET static void NAME(outer)(const ck_places *s, const REAL *packed, ptrdiff_t columns,
                               const REAL *x, const ptrdiff_t *offsets, ptrdiff_t taps, REAL *w,
                               ptrdiff_t stride) {
  const ptrdiff_t places = s->images * s->rows * s->columns;
  for (ptrdiff_t first = 0; first < columns; first += PANEL) {
    const REAL *own = packed + first * places;
    if (columns - first > LANES) {
      NAME(panel)(s, own, x, offsets, taps, w + first, stride, 2);
    } else {
      NAME(panel)(s, own, x, offsets, taps, w + first, stride, 1);
    }
  }
}

// One vector of columns; `step` is constant where they are adjacent.
TARGET __attribute__((always_inline)) static inline void NAME(pack_vector)(
    const REAL *g, ptrdiff_t step, ptrdiff_t next, ptrdiff_t own, ptrdiff_t count, REAL *y,
    ptrdiff_t width) {
  for (ptrdiff_t i = 0; i < count; i++, y += width, g += next) {
    if (own == LANES) {
      UNROLL for (ptrdiff_t l = 0; l < LANES; l++) y[l] = g[l * step];
    } else {
      for (ptrdiff_t l = 0; l < LANES; l++) y[l] = l < own ? g[l * step] : 0;
    }
  }
}

TARGET static void NAME(outer_pack)(const REAL *g, ptrdiff_t step, ptrdiff_t next,
                                    ptrdiff_t columns, ptrdiff_t first, ptrdiff_t count,
                                    ptrdiff_t places, REAL *packed) {
  for (ptrdiff_t column = 0; column < columns; column += LANES) {
    const ptrdiff_t panel = column / PANEL * PANEL;
    const ptrdiff_t width = columns - panel > LANES ? PANEL : LANES;
    const ptrdiff_t own = columns - column < LANES ? columns - column : LANES;
    REAL *y = packed + panel * places + first * width + (column - panel);
    if (step == 1) {
      NAME(pack_vector)(g + column, 1, next, own, count, y, width);
    } else {
      NAME(pack_vector)(g + column * step, step, next, own, count, y, width);
    }
  }
}

#undef LANES
#undef PANEL
#undef REAL
#undef SUFFIX
