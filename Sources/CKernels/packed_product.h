// The products of ck_recurrent.h for one element type and instruction set; included once for each.
// Wants REAL, the element type; BYTES, the size of a vector; FULL_ROWS and HALF_ROWS, how many rows
// of sums fit the registers beside a panel and beside half a panel; NAME(x); TARGET.

typedef REAL NAME(vec) __attribute__((vector_size(BYTES), aligned(__alignof__(REAL))));

#define LANES (BYTES / sizeof(REAL))
#define FULL (CK_PANEL_BYTES / BYTES)
#define HALF (CK_PANEL_BYTES / 2 / BYTES)

// `count` rows by `vectors` vectors of units, over k steps whose weights lie `step` elements apart.
// The sums are cut into several chains where one would wait for itself.
TARGET __attribute__((always_inline)) static inline void NAME(tile)(
    const REAL *w, size_t step, size_t offset, size_t k, const ck_row *rows, size_t y,
    const int count, const int vectors) {
  const int sums = count * vectors;
  const int chains = sums >= 8 ? 1 : sums >= 4 ? 2 : sums >= 2 ? 4 : 8;
  const REAL *x[8];
  NAME(vec) sum[8][8][8];
  UNROLL for (int r = 0; r < count; r++) {
    x[r] = (const REAL *)rows[r].x + offset;
    UNROLL for (int c = 0; c < chains; c++) {
      UNROLL for (int v = 0; v < vectors; v++) sum[c][r][v] = (NAME(vec)){0};
    }
  }
  size_t i = 0;
  for (; i + chains <= k; i += chains) {
    UNROLL for (int c = 0; c < chains; c++) {
      UNROLL for (int r = 0; r < count; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
          sum[c][r][v] += x[r][i + c] * ((const NAME(vec) *)(w + c * step))[v];
        }
      }
    }
    if (count == 1) {  // a matrix read once, from beyond the second-level cache
      UNROLL for (int c = 0; c < chains * vectors * BYTES / 64; c++) {
        __builtin_prefetch((const char *)w + 2048 + 64 * c);
      }
    }
    w += chains * step;
  }
  for (; i < k; i++, w += step) {
    UNROLL for (int r = 0; r < count; r++) {
      UNROLL for (int v = 0; v < vectors; v++) {
        sum[0][r][v] += x[r][i] * ((const NAME(vec) *)w)[v];
      }
    }
  }
  UNROLL for (int r = 0; r < count; r++) {
    NAME(vec) *out = (NAME(vec) *)((REAL *)rows[r].y + y);
    UNROLL for (int v = 0; v < vectors; v++) {
      UNROLL for (int c = 1; c < chains; c++) sum[0][r][v] += sum[c][r][v];
      out[v] += sum[0][r][v];
    }
  }
}

TARGET static void NAME(full)(const REAL *w, size_t step, size_t offset, size_t k,
                              const ck_row *rows, size_t y, size_t count) {
#define CASE(n) \
  case n:       \
    if (n <= FULL_ROWS) NAME(tile)(w, step, offset, k, rows, y, n <= FULL_ROWS ? n : 1, FULL); \
    break;
  switch (count) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) }
#undef CASE
}

TARGET static void NAME(half)(const REAL *w, size_t step, size_t offset, size_t k,
                              const ck_row *rows, size_t y, size_t count) {
#define CASE(n) \
  case n:       \
    if (n <= HALF_ROWS) NAME(tile)(w, step, offset, k, rows, y, n <= HALF_ROWS ? n : 1, HALF); \
    break;
  switch (count) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) }
#undef CASE
}

// All rows by one panel of `width` units, in groups as equal as can be.
TARGET static void NAME(panel)(const REAL *w, size_t width, size_t offset, size_t k,
                               const ck_row *rows, size_t y, size_t count) {
  int whole = width == FULL * LANES && count <= FULL_ROWS;
  if (whole) {
    NAME(full)(w, width, offset, k, rows, y, count);
    return;
  }
  whole = width == FULL * LANES && FULL_ROWS >= HALF_ROWS;
  size_t most = whole ? FULL_ROWS : HALF_ROWS;
  size_t groups = (count + most - 1) / most;
  for (size_t column = 0; column < width; column += (whole ? FULL : HALF) * LANES) {
    size_t first = 0;
    for (size_t group = 0; group < groups; group++) {
      size_t end = count * (group + 1) / groups;
      (whole ? NAME(full) : NAME(half))(w + column, width, offset, k, rows + first, y + column,
                                        end - first);
      first = end;
    }
  }
}

TARGET static void NAME(product)(const REAL *packed, size_t k, size_t units, size_t gates,
                                 size_t stride, const ck_row *rows, size_t count,
                                 int backwards) {
  // Many rows go over a panel's weights in pieces that stay in the first-level cache.
  const size_t piece = count > HALF_ROWS ? 256 : k;
  const size_t panels = (units + FULL * LANES - 1) / (FULL * LANES);
  for (size_t panel = 0; panel < panels; panel++) {
    size_t first = (backwards ? panels - 1 - panel : panel) * FULL * LANES;
    size_t width = units - first < FULL * LANES ? HALF * LANES : FULL * LANES;
    for (size_t gate = 0; gate < gates; gate++) {
      const REAL *w = packed + first * gates * k + gate * width * k;
      for (size_t offset = 0; offset < k; offset += piece) {
        size_t length = k - offset < piece ? k - offset : piece;
        NAME(panel)(w + offset * width, width, offset, length, rows, gate * stride + first, count);
      }
    }
  }
}

#undef LANES
#undef FULL
#undef HALF
