// The products of ck_recurrent.h; included once per element type and instruction set. Parameters:
// REAL, the element type; BYTES, the size of a vector; VECTORS, the vectors of a panel; ROWS, the
// rows whose sums fit in the registers; NAME(x); TARGET.

typedef REAL NAME(vec) __attribute__((vector_size(BYTES), aligned(__alignof__(REAL))));

#define LANES (BYTES / sizeof(REAL))
#define WIDTH (VECTORS * LANES)

// Terms that are summed before their sum is added to the result. Nothing else affects the order of
// additions, so the bits of a row do not depend on the number of rows.
#define PIECE 256
// Prefetch distance in bytes.
#ifndef PREFETCH
#define PREFETCH 1024
#endif

// Multiplies `count` rows with `blocks` blocks of `vectors` vectors of units. The weights of block
// b begin at w[b] and its results at y[b]; all sums stay in registers.
TARGET __attribute__((always_inline)) static inline void NAME(tile)(
    const REAL *const *w, const size_t *y, size_t offset, size_t k, const ck_row *rows,
    const int count, const int vectors, const int blocks) {
  const size_t step = vectors * LANES;
  const REAL *x[8], *from[8];
  NAME(vec) sum[8][8][8];
  UNROLL for (int b = 0; b < blocks; b++) from[b] = w[b] + offset * step;
  UNROLL for (int r = 0; r < count; r++) {
    x[r] = (const REAL *)rows[r].x + offset;
    UNROLL for (int b = 0; b < blocks; b++) {
      UNROLL for (int v = 0; v < vectors; v++) sum[b][r][v] = (NAME(vec)){0};
    }
  }
  for (size_t i = 0; i < k; i++) {
    UNROLL for (int b = 0; b < blocks; b++) {
      UNROLL for (int r = 0; r < count; r++) {
        // Makes the compiler reload x for each block; otherwise it runs out of registers.
        if (blocks > 1 && count == 3) __asm__("" : "+r"(x[r]));
        UNROLL for (int v = 0; v < vectors; v++)
          sum[b][r][v] += x[r][i] * ((const NAME(vec) *)from[b])[v];
      }
      if (count == 1) {  // a matrix read once, from beyond the second-level cache
        UNROLL for (int c = 0; c < (vectors * BYTES + 63) / 64; c++)
          __builtin_prefetch((const char *)from[b] + PREFETCH + 64 * c);
      }
      from[b] += step;
    }
  }
  UNROLL for (int b = 0; b < blocks; b++) {
    UNROLL for (int r = 0; r < count; r++) {
      NAME(vec) *out = (NAME(vec) *)((REAL *)rows[r].y + y[b]);
      UNROLL for (int v = 0; v < vectors; v++) out[v] += sum[b][r][v];
    }
  }
}

#define CASE(n, blocks)                                                                       \
  case n:                                                                                     \
    if (n <= ROWS && n * vectors * blocks <= 16)                                              \
      NAME(tile)(w, y, offset, length, rows + first, n <= ROWS ? n : 1, vectors, blocks);     \
    break;

// Multiplies all rows with one block, in groups of nearly equal size and in pieces whose weights
// stay in the first-level cache.
TARGET __attribute__((always_inline)) static inline void NAME(block)(
    const REAL *const *w, const size_t *y, size_t k, const ck_row *rows, size_t count,
    const int vectors) {
  const size_t groups = (count + ROWS - 1) / ROWS;
  for (size_t offset = 0; offset < k; offset += PIECE) {
    const size_t length = k - offset < PIECE ? k - offset : PIECE;
    for (size_t group = 0, first = 0; group < groups; group++) {
      const size_t end = count * (group + 1) / groups;
      switch (end - first) {
        CASE(1, 1) CASE(2, 1) CASE(3, 1) CASE(4, 1) CASE(5, 1) CASE(6, 1) CASE(7, 1) CASE(8, 1)
      }
      first = end;
    }
  }
}

// Multiplies few rows with several blocks at once: the sums of one block would be too few to hide
// the latency of additions.
TARGET __attribute__((always_inline)) static inline void NAME(blocks)(
    const REAL *const *w, const size_t *y, size_t k, const ck_row *rows, size_t count,
    const int vectors, const int blocks) {
  const size_t first = 0;
  for (size_t offset = 0; offset < k; offset += PIECE) {
    const size_t length = k - offset < PIECE ? k - offset : PIECE;
    switch (count) {
      CASE(1, blocks) CASE(2, blocks) CASE(3, blocks) CASE(4, blocks) CASE(5, blocks)
      CASE(6, blocks) CASE(7, blocks)
    }
  }
}
#undef CASE

TARGET __attribute__((always_inline)) static inline void NAME(panels)(
    const REAL *packed, size_t k, size_t first, size_t end, size_t width, size_t gates,
    size_t stride, const ck_row *rows, size_t count, int backwards, const int vectors) {
  // Enough blocks for eight sums.
  const size_t together = count * vectors >= 8 ? 1 : count * vectors >= 4 ? 2 : 4;
  const size_t all = (end - first) / width * gates;
  for (size_t done = 0; done < all;) {
    const REAL *w[4];
    size_t y[4];
    const size_t taken = all - done < together ? all - done : together;
    for (size_t b = 0; b < taken; b++) {
      const size_t panel = (done + b) / gates, gate = (done + b) % gates;
      const size_t unit = backwards ? end - (panel + 1) * width : first + panel * width;
      w[b] = packed + unit * gates * k + gate * width * k;
      y[b] = gate * stride + unit;
    }
    done += taken;
    switch (taken) {
      case 4: NAME(blocks)(w, y, k, rows, count, vectors, 4); break;
      case 3: NAME(blocks)(w, y, k, rows, count, vectors, 3); break;
      case 2: NAME(blocks)(w, y, k, rows, count, vectors, 2); break;
      default: NAME(block)(w, y, k, rows, count, vectors);
    }
  }
}

TARGET static void NAME(product)(const REAL *packed, size_t k, size_t units, size_t gates,
                                 size_t stride, const ck_row *rows, size_t count,
                                 int backwards) {
  // The last panel may be narrower.
  const size_t whole = units / WIDTH * WIDTH, rest = units - whole;
  for (int turn = 0; turn < 2; turn++) {
    if (turn == backwards) {
      NAME(panels)(packed, k, 0, whole, WIDTH, gates, stride, rows, count, backwards, VECTORS);
    } else if (rest > 0) {
      NAME(panels)(packed, k, whole, units, rest, gates, stride, rows, count, backwards,
                   (VECTORS + 1) / 2);
    }
  }
}

#undef PIECE
#undef LANES
#undef WIDTH
