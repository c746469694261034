// The loops of winograd.c for one instruction set. Parameters: TARGET, vectors of WIDTH floats,
// names ending in SUFFIX.

#include "lanes_template.h"

// Tiles of a row whose rows are transformed while they are in the first-level cache.
#define TOGETHER 8

#define DOWN(I) *(const VECTOR *)(from + (I)*row)
#define PUT_DOWN(I, X) columns[I][c] = X;
#define ALONG(J) columns[i][first + J]
#define PUT_ALONG(J, X) *(VECTOR *)(to + (i * side + J) * place) = X;

#define INPUT(SIZE)                                                                          \
  TARGET static void NAMED(input##SIZE, SUFFIX)(const ck_winograd *s, const float *x, float *v, \
                                                ptrdiff_t place, ptrdiff_t run) {            \
    enum { m = SIZE, side = SIZE + 2 };                                                      \
    const ptrdiff_t row = (s->columns * m + 2) * WIDTH, tiles = s->rows * s->columns;        \
    const ptrdiff_t runs = ck_winograd_runs(s);                                              \
    VECTOR columns[side][TOGETHER * m + 2];                                                  \
    ptrdiff_t index = 0, begin = 0, end = tiles / runs;                                      \
    for (ptrdiff_t r = 0; r < s->rows; r++, x += m * row) {                                  \
      for (ptrdiff_t t = 0; t < s->columns; t += TOGETHER) {                                 \
        const ptrdiff_t count = least(TOGETHER, s->columns - t);                             \
        for (ptrdiff_t c = 0; c < count * m + 2; c++) {                                      \
          const float *from = x + (t * m + c) * WIDTH;                                       \
          INPUT_##SIZE(DOWN, PUT_DOWN)                                                       \
        }                                                                                    \
        for (ptrdiff_t own = 0; own < count; own++) {                                        \
          const ptrdiff_t tile = r * s->columns + t + own, first = own * m;                  \
          if (tile == end) begin = end, end = tiles * (++index + 1) / runs;                  \
          float *to = v + index * run + (tile - begin) * WIDTH;                              \
          UNROLL for (int i = 0; i < side; i++) { INPUT_##SIZE(ALONG, PUT_ALONG) }           \
        }                                                                                    \
      }                                                                                      \
    }                                                                                        \
  }
INPUT(2)
INPUT(4)
INPUT(6)
#undef DOWN
#undef PUT_DOWN
#undef ALONG
#undef PUT_ALONG
#undef INPUT

#define DOWN(I) *(const VECTOR *)(from + ((I)*side + j) * place)
#define PUT_DOWN(I, X) columns[I][j] = X;
#define ALONG(J) columns[i][J]
#define PUT_ALONG(J, X) *(VECTOR *)(to + (i * row + J) * 2 * WIDTH) = X;

#define OUTPUT(SIZE)                                                                         \
  TARGET static void NAMED(output##SIZE, SUFFIX)(const ck_winograd *s, const float *products, \
                                                 ptrdiff_t maps, float *y) {                 \
    enum { m = SIZE, side = SIZE + 2 };                                                      \
    const ptrdiff_t row = s->columns * m, place = s->rows * s->columns * 2 * WIDTH;          \
    for (ptrdiff_t r = 0; r < s->rows; r++) {                                                \
      for (ptrdiff_t t = 0; t < s->columns; t++) {                                           \
        for (ptrdiff_t v = 0; v < maps; v += WIDTH) {                                        \
          const float *from = products + (r * s->columns + t) * 2 * WIDTH + v;               \
          float *to = y + (r * m * row + t * m) * 2 * WIDTH + v;                             \
          VECTOR columns[m][side];                                                           \
          UNROLL for (int j = 0; j < side; j++) { OUTPUT_##SIZE(DOWN, PUT_DOWN) }            \
          UNROLL for (int i = 0; i < m; i++) { OUTPUT_##SIZE(ALONG, PUT_ALONG) }             \
        }                                                                                    \
      }                                                                                      \
    }                                                                                        \
  }
OUTPUT(2)
OUTPUT(4)
OUTPUT(6)
#undef DOWN
#undef PUT_DOWN
#undef ALONG
#undef PUT_ALONG
#undef OUTPUT

TARGET static void NAMED(input, SUFFIX)(const ck_winograd *s, const float *x, float *v,
                                        ptrdiff_t place, ptrdiff_t run) {
  switch (s->size) {
    case 2: NAMED(input2, SUFFIX)(s, x, v, place, run); break;
    case 4: NAMED(input4, SUFFIX)(s, x, v, place, run); break;
    default: NAMED(input6, SUFFIX)(s, x, v, place, run);
  }
}

TARGET static void NAMED(output, SUFFIX)(const ck_winograd *s, const float *products,
                                         ptrdiff_t maps, float *y) {
  switch (s->size) {
    case 2: NAMED(output2, SUFFIX)(s, products, maps, y); break;
    case 4: NAMED(output4, SUFFIX)(s, products, maps, y); break;
    default: NAMED(output6, SUFFIX)(s, products, maps, y);
  }
}

#undef TOGETHER
#undef VECTOR
#undef MASK
#undef TARGET
#undef WIDTH
#undef SUFFIX
