// Winograd's convolution (see ck_winograd.h). The transforms are from Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks" (2016); those of F(6) interpolate at 0, ±1, ±2, ±1/2.
#include "ck_winograd.h"

#include "ck_panels.h"
#include "dispatch.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

// One-dimensional transforms. `AT(i)` reads element i; `PUT(i, x)` stores result i.

#define INPUT_2(AT, PUT)    \
  PUT(0, AT(0) - AT(2))     \
  PUT(1, AT(1) + AT(2))     \
  PUT(2, AT(2) - AT(1))     \
  PUT(3, AT(1) - AT(3))

#define INPUT_4(AT, PUT)                                              \
  {                                                                   \
    const float even = AT(4) - 4 * AT(2), odd = AT(3) - 4 * AT(1);    \
    const float near = AT(4) - AT(2), far = 2 * (AT(3) - AT(1));      \
    PUT(0, 4 * AT(0) - 5 * AT(2) + AT(4))                             \
    PUT(1, even + odd)                                                \
    PUT(2, even - odd)                                                \
    PUT(3, near + far)                                                \
    PUT(4, near - far)                                                \
    PUT(5, 4 * AT(1) - 5 * AT(3) + AT(5))                             \
  }

#define INPUT_6(AT, PUT)                                                                \
  {                                                                                     \
    const float even1 = AT(2) + AT(6) - 4.25f * AT(4), odd1 = AT(1) + AT(5) - 4.25f * AT(3); \
    const float even2 = AT(6) + 0.25f * AT(2) - 1.25f * AT(4);                          \
    const float odd2 = 0.5f * AT(1) - 2.5f * AT(3) + 2 * AT(5);                         \
    const float even3 = AT(6) + 4 * AT(2) - 5 * AT(4);                                  \
    const float odd3 = 2 * AT(1) - 2.5f * AT(3) + 0.5f * AT(5);                         \
    PUT(0, AT(0) - AT(6) + 5.25f * (AT(4) - AT(2)))                                     \
    PUT(1, even1 + odd1)                                                                \
    PUT(2, even1 - odd1)                                                                \
    PUT(3, even2 + odd2)                                                                \
    PUT(4, even2 - odd2)                                                                \
    PUT(5, even3 + odd3)                                                                \
    PUT(6, even3 - odd3)                                                                \
    PUT(7, AT(7) - AT(1) + 5.25f * (AT(3) - AT(5)))                                     \
  }

#define OUTPUT_2(AT, PUT)          \
  PUT(0, AT(0) + AT(1) + AT(2))    \
  PUT(1, AT(1) - AT(2) - AT(3))

#define OUTPUT_4(AT, PUT)                                           \
  {                                                                 \
    const float sum1 = AT(1) + AT(2), difference1 = AT(1) - AT(2);  \
    const float sum2 = AT(3) + AT(4), difference2 = AT(3) - AT(4);  \
    PUT(0, AT(0) + sum1 + sum2)                                     \
    PUT(1, difference1 + 2 * difference2)                           \
    PUT(2, sum1 + 4 * sum2)                                         \
    PUT(3, difference1 + 8 * difference2 + AT(5))                   \
  }

#define OUTPUT_6(AT, PUT)                                           \
  {                                                                 \
    const float sum1 = AT(1) + AT(2), difference1 = AT(1) - AT(2);  \
    const float sum2 = AT(3) + AT(4), difference2 = AT(3) - AT(4);  \
    const float sum3 = AT(5) + AT(6), difference3 = AT(5) - AT(6);  \
    PUT(0, AT(0) + sum1 + sum2 + sum3)                              \
    PUT(1, difference1 + 2 * difference2 + 0.5f * difference3)      \
    PUT(2, sum1 + 4 * sum2 + 0.25f * sum3)                          \
    PUT(3, difference1 + 8 * difference2 + 0.125f * difference3)    \
    PUT(4, sum1 + 16 * sum2 + 0.0625f * sum3)                       \
    PUT(5, difference1 + 32 * difference2 + 0.03125f * difference3 + AT(7)) \
  }

// The transform of a kernel, in double precision, because weights are transformed only once.
static const double weights2[][3] = {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}};
static const double weights4[][3] = {
    {1. / 4, 0, 0},           {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6},
    {1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}};
static const double weights6[][3] = {
    {1, 0, 0},
    {-2. / 9, -2. / 9, -2. / 9},
    {-2. / 9, 2. / 9, -2. / 9},
    {1. / 90, 1. / 45, 2. / 45},
    {1. / 90, -1. / 45, 2. / 45},
    {32. / 45, 16. / 45, 8. / 45},
    {32. / 45, -16. / 45, 8. / 45},
    {0, 0, 1}};

#define LANES 8

CK_VERSIONS(void, ck_winograd_weights, (ptrdiff_t size, const float *w, ptrdiff_t stride,
            ptrdiff_t rows, float *u, ptrdiff_t step), (size, w, stride, rows, u, step)) {
  const ptrdiff_t side = size + 2;
  const double(*m)[3] = size == 2 ? weights2 : size == 4 ? weights4 : weights6;
  double g[9][LANES] = {0}, columns[3][LANES];
  for (ptrdiff_t r = 0; r < rows; r++) {
    for (int i = 0; i < 9; i++) g[i][r] = w[r * stride + i];
  }
  for (ptrdiff_t i = 0; i < side; i++) {
    for (int x = 0; x < 3; x++) {
      for (int r = 0; r < LANES; r++)
        columns[x][r] = m[i][0] * g[x][r] + m[i][1] * g[3 + x][r] + m[i][2] * g[6 + x][r];
    }
    for (ptrdiff_t j = 0; j < side; j++, u += step) {
      float row[LANES];
      for (int r = 0; r < LANES; r++)
        row[r] = (float)(m[j][0] * columns[0][r] + m[j][1] * columns[1][r] + m[j][2] * columns[2][r]);
      for (ptrdiff_t r = 0; r < rows; r++) u[r] = row[r];
    }
  }
}

// Room for a run of adjacent tiles of one row: the floats that they read, and the tiles.
#define RUN (CK_WINOGRAD_TILES * 6 + 32)
#define PARTS (CK_WINOGRAD_TILES + 16)

// Copies n columns of the image from (y, x) on, which a run of tiles reads; zeros outside.
CK_STATIC_VERSIONS(void, copy_rows, (const ck_winograd *s, const float *image, ptrdiff_t y,
                   ptrdiff_t x, ptrdiff_t n, float (*restrict d)[RUN]), (s, image, y, x, n, d)) {
  const ptrdiff_t low = least(most(-x, 0), n), high = most(low, least(s->width - x, n));
  for (ptrdiff_t i = 0; i < s->size + 2; i++, y++, d++) {
    const int isInside = y >= 0 && y < s->height;
    const float *row = image + (isInside ? y * s->width + x : 0);
    const ptrdiff_t end = isInside ? high : low;
    for (ptrdiff_t j = 0; j < low; j++) (*d)[j] = 0;
    for (ptrdiff_t j = low; j < end; j++) (*d)[j] = row[j];
    for (ptrdiff_t j = end; j < n; j++) (*d)[j] = 0;
  }
}

typedef float four __attribute__((vector_size(16), aligned(4)));

// Transposes 4 × 4 floats.
static inline __attribute__((always_inline)) void transpose4(const float *x, ptrdiff_t step,
                                                             float *y, ptrdiff_t out) {
  four r[4], s[4];
  for (int i = 0; i < 4; i++) r[i] = *(const four *)(x + i * step);
  for (int i = 0; i < 2; i++) {
    s[2 * i] = __builtin_shufflevector(r[i], r[i + 2], 0, 4, 1, 5);
    s[2 * i + 1] = __builtin_shufflevector(r[i], r[i + 2], 2, 6, 3, 7);
  }
  for (int i = 0; i < 2; i++) {
    *(four *)(y + 2 * i * out) = __builtin_shufflevector(s[i], s[i + 2], 0, 4, 1, 5);
    *(four *)(y + (2 * i + 1) * out) = __builtin_shufflevector(s[i], s[i + 2], 2, 6, 3, 7);
  }
}

// p[j][t] = row[t * size + j]. The two columns that a tile reads past its own are the first two of
// the next: p[size + j][t] = p[j][t + 1].
static inline __attribute__((always_inline)) void part(const float *restrict row, int size,
                                                       ptrdiff_t count,
                                                       float (*restrict p)[PARTS]) {
  if (size == 4) {
    for (ptrdiff_t t = 0; t < count; t += 4) transpose4(row + 4 * t, 4, p[0] + t, PARTS);
  } else {
    for (ptrdiff_t t = 0; t < count; t++) {
      for (int j = 0; j < size; j++) p[j][t] = row[t * size + j];
    }
  }
}

static inline __attribute__((always_inline)) void overlap(int size, ptrdiff_t count,
                                                          float (*restrict p)[PARTS]) {
  for (int j = 0; j < 2; j++) {
    for (ptrdiff_t t = 0; t < count; t++) p[size + j][t] = p[j][t + 1];
  }
}

// row[t * size + j] = p[j][t]
static inline __attribute__((always_inline)) void join(const float (*restrict p)[PARTS], int size,
                                                       ptrdiff_t count, float *restrict row) {
  if (size == 4) {
    for (ptrdiff_t t = 0; t < count; t += 4) transpose4(p[0] + t, PARTS, row + 4 * t, 4);
  } else {
    for (ptrdiff_t t = 0; t < count; t++) {
      for (int j = 0; j < size; j++) row[t * size + j] = p[j][t];
    }
  }
}

#define ROW(I) d[I][x]
#define PUT_ROW(I, X) r[I][x] = X;
#define COLUMN(J) p[i][J][t]
#define PUT_COLUMN(J, X) out[J][t] = X;

// Transforms a run of tiles of one row: columns of d first, then rows.
#define INPUT_RUN(SIZE)                                                                       \
  CK_STATIC_VERSIONS(void, input_run##SIZE,                                                   \
                     (float (*restrict d)[RUN], ptrdiff_t tiles,                              \
                      float (*restrict out)[2 * CK_WINOGRAD_TILES]), (d, tiles, out)) {       \
    enum { M = SIZE };                                                                        \
    float r[SIZE + 2][RUN], p[SIZE + 2][SIZE + 2][PARTS];                                     \
    for (ptrdiff_t x = 0; x < (tiles + 4) * M; x++) { INPUT_##SIZE(ROW, PUT_ROW) }            \
    for (ptrdiff_t i = 0; i < M + 2; i++) part(r[i], M, tiles + 4, p[i]);                     \
    for (ptrdiff_t i = 0; i < M + 2; i++) overlap(M, tiles, p[i]);                            \
    for (ptrdiff_t i = 0; i < M + 2; i++, out += M + 2) {                                     \
      for (ptrdiff_t t = 0; t < tiles; t++) { INPUT_##SIZE(COLUMN, PUT_COLUMN) }              \
    }                                                                                         \
  }
INPUT_RUN(2)
INPUT_RUN(4)
INPUT_RUN(6)

// Copies channel c of the transformed tiles to its row of each panel.
static inline __attribute__((always_inline)) void store_panel(const float *from, ptrdiff_t places,
                                                              float *v, ptrdiff_t place,
                                                              ptrdiff_t width) {
  for (ptrdiff_t p = 0; p < places; p++, from += 2 * CK_WINOGRAD_TILES, v += place) {
    for (ptrdiff_t t = 0; t < width; t++) v[t] = from[t];
  }
}

CK_STATIC_VERSIONS(void, store, (const float *restrict out, ptrdiff_t places, ptrdiff_t channels,
                   ptrdiff_t c, ptrdiff_t count, ptrdiff_t columns, float *restrict v,
                   ptrdiff_t place), (out, places, channels, c, count, columns, v, place)) {
  for (ptrdiff_t t = 0; t < count; t += columns, v += channels * columns) {
    const ptrdiff_t width = count - t > columns / 2 ? columns : columns / 2;
    switch (width) {
      case 4: store_panel(out + t, places, v + c * 4, place, 4); break;
      case 8: store_panel(out + t, places, v + c * 8, place, 8); break;
      case 16: store_panel(out + t, places, v + c * 16, place, 16); break;
      default: store_panel(out + t, places, v + c * 32, place, 32);
    }
  }
}

void ck_winograd_input(const ck_winograd *s, const float *x, ptrdiff_t channels, ptrdiff_t c,
                       ptrdiff_t end, ptrdiff_t first, ptrdiff_t count, float *v,
                       ptrdiff_t place) {
  const ptrdiff_t m = s->size, side = m + 2, columns = ck_panel_columns(), lanes = columns / 2;
  float d[8][RUN], out[64][2 * CK_WINOGRAD_TILES];
  for (; c < end; c++) {
    const float *image = x + c * s->height * s->width;
    for (ptrdiff_t done = 0; done < count;) {
      const ptrdiff_t ty = (first + done) / s->row, tx = (first + done) % s->row;
      const ptrdiff_t tiles = least(s->row - tx, count - done);
      // Whole vectors. The next run overwrites the surplus, or it belongs to no tile.
      const ptrdiff_t padded = (tiles + lanes - 1) / lanes * lanes;
      copy_rows(s, image, ty * m - s->pad_y, tx * m - s->pad_x, (padded + 4) * m, d);
      float(*target)[2 * CK_WINOGRAD_TILES] = (void *)(&out[0][0] + done);
      switch (m) {
        case 2: input_run2(d, padded, target); break;
        case 4: input_run4(d, padded, target); break;
        default: input_run6(d, padded, target);
      }
      done += tiles;
    }
    store(&out[0][0], side * side, channels, c, count, columns, v, place);
  }
}

#define DOWN(I) from[((I) * side + j) * place + t]
#define PUT_DOWN(I, X) columns[I][j][t] = X;
#define ALONG(J) columns[i][J][t]
#define PUT_ALONG(J, X) p[J][t] = X;

// Transforms the products of one output channel into rows of results: columns first, then rows.
#define OUTPUT_TILES(SIZE)                                                                    \
  CK_STATIC_VERSIONS(void, output_tiles##SIZE,                                                \
                     (const float *restrict from, ptrdiff_t place, ptrdiff_t tiles,           \
                      float (*restrict rows)[RUN]), (from, place, tiles, rows)) {             \
    enum { M = SIZE, side = SIZE + 2 };                                                       \
    float columns[SIZE][SIZE + 2][CK_WINOGRAD_TILES], p[SIZE][PARTS];                         \
    for (ptrdiff_t j = 0; j < side; j++) {                                                    \
      for (ptrdiff_t t = 0; t < tiles; t++) { OUTPUT_##SIZE(DOWN, PUT_DOWN) }            \
    }                                                                                         \
    for (ptrdiff_t i = 0; i < M; i++) {                                                       \
      for (ptrdiff_t t = 0; t < tiles; t++) { OUTPUT_##SIZE(ALONG, PUT_ALONG) }          \
      join(p, M, tiles, rows[i]);                                                             \
    }                                                                                         \
  }
OUTPUT_TILES(2)
OUTPUT_TILES(4)
OUTPUT_TILES(6)

void ck_winograd_output(const ck_winograd *s, const float *products, ptrdiff_t maps,
                        ptrdiff_t first, ptrdiff_t count, float *y, const ck_epilogue *e) {
  const ptrdiff_t m = s->size, padded = ck_panel_padded(count);
  const ptrdiff_t outputs = s->out_height * s->out_width;
  float rows[6][RUN];
  for (ptrdiff_t map = 0; map < maps; map++, products += padded) {
    switch (m) {
      case 2: output_tiles2(products, maps * padded, padded, rows); break;
      case 4: output_tiles4(products, maps * padded, padded, rows); break;
      default: output_tiles6(products, maps * padded, padded, rows);
    }
    for (ptrdiff_t done = 0; done < count;) {
      const ptrdiff_t ty = (first + done) / s->row, tx = (first + done) % s->row;
      const ptrdiff_t tiles = least(s->row - tx, count - done);
      const ptrdiff_t width = least(tiles * m, s->out_width - tx * m);
      for (ptrdiff_t i = 0; i < least(m, s->out_height - ty * m); i++) {
        const ptrdiff_t place = map * outputs + (ty * m + i) * s->out_width + tx * m;
        ck_finish_rows(rows[i] + done * m, 1, width, width, y + place, e->bias ? e->bias[map] : 0,
                       e->residual ? e->residual + place : NULL, e->function, e->a, e->b);
      }
      done += tiles;
    }
  }
}
