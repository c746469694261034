// The products of ck_recurrent.h for one element type and instruction set; included once for each.
// Wants REAL, the element type; BYTES, the size of a vector; VECTORS, how many make a panel; ROWS,
// how many rows of sums fit the registers beside one; NAME(x); TARGET.

typedef REAL NAME(vec) __attribute__((vector_size(BYTES), aligned(__alignof__(REAL))));

#define LANES (BYTES / sizeof(REAL))
#define WIDTH (VECTORS * LANES)

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

// All rows by one panel of `vectors` vectors of units, in groups as equal as can be.
TARGET __attribute__((always_inline)) static inline void NAME(panel)(
    const REAL *w, size_t offset, size_t k, const ck_row *rows, size_t y, size_t count,
    const int vectors) {
  const size_t step = vectors * LANES;
  size_t groups = (count + ROWS - 1) / ROWS, first = 0;
  for (size_t group = 0; group < groups; group++) {
    size_t end = count * (group + 1) / groups;
#define CASE(n)                                                                               \
  case n:                                                                                     \
    if (n <= ROWS) NAME(tile)(w, step, offset, k, rows + first, y, n <= ROWS ? n : 1, vectors); \
    break;
    switch (end - first) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) }
#undef CASE
    first = end;
  }
}

TARGET static void NAME(product)(const REAL *packed, size_t k, size_t units, size_t gates,
                                 size_t stride, const ck_row *rows, size_t count,
                                 int backwards) {
  // Many rows go over a panel's weights in pieces that stay in the first-level cache.
  const size_t piece = count > ROWS ? 256 : k;
  const size_t panels = (units + WIDTH - 1) / WIDTH;
  for (size_t panel = 0; panel < panels; panel++) {
    size_t first = (backwards ? panels - 1 - panel : panel) * WIDTH;
    size_t width = units - first < WIDTH ? units - first : WIDTH;
    for (size_t gate = 0; gate < gates; gate++) {
      const REAL *w = packed + first * gates * k + gate * width * k;
      for (size_t offset = 0; offset < k; offset += piece) {
        size_t length = k - offset < piece ? k - offset : piece;
        size_t y = gate * stride + first;
        if (width == WIDTH) {
          NAME(panel)(w + offset * width, offset, length, rows, y, count, VECTORS);
        } else {
          NAME(panel)(w + offset * width, offset, length, rows, y, count, (VECTORS + 1) / 2);
        }
      }
    }
  }
}

#undef LANES
#undef WIDTH
