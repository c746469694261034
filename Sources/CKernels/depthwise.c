// Depthwise convolution with kernels of 3 x 3 (see ck_direct.h).
#include "ck_direct.h"
#include "dispatch.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

// The largest number of results in a vector.
#define LANES 16

// Floats in a copied row of one phase: all that whole vectors of windows read.
static inline ptrdiff_t copied(ptrdiff_t width) { return (width + LANES - 1) / LANES * LANES + 8; }

ptrdiff_t ck_depthwise3_scratch(const ck_window *w) {
  const ptrdiff_t rows = (w->output[1] - 1) * w->stride[1] + 3;
  return rows * w->stride[2] * copied(w->output[2]);
}

// y[j] = row[j * stride + shift] for j < n where 0 <= j * stride + shift < width.
static inline __attribute__((always_inline)) void copy_phase(const float *restrict row,
                                                             ptrdiff_t width, ptrdiff_t shift,
                                                             ptrdiff_t stride, ptrdiff_t n,
                                                             float *restrict y) {
  typedef float four __attribute__((vector_size(16), aligned(4)));
  const ptrdiff_t low = shift < 0 ? least((stride - 1 - shift) / stride, n) : 0;
  const ptrdiff_t room = width - shift;
  const ptrdiff_t high = room > 0 ? most(low, least((room + stride - 1) / stride, n)) : low;
  row += low * stride + shift;
  y += low;
  const ptrdiff_t count = high - low;
  if (stride == 1 && count >= 4) {
    // No call to memcpy: the rows are too short for it to pay off.
    for (ptrdiff_t j = 0; j < count - 4; j += 4) *(four *)(y + j) = *(const four *)(row + j);
    *(four *)(y + count - 4) = *(const four *)(row + count - 4);
  } else {
    for (ptrdiff_t j = 0; j < count; j++) y[j] = row[j * stride];
  }
}

// Distances between the factors of a window: from one image row to the next (`line`), from the
// first column to the second and third, and from the windows of one result row to the next
// (`step`).
typedef struct {
  ptrdiff_t line, second, third, step;
} places;

// One vector of results in each of `rows` rows that are `width` apart; the sums stay in registers.
// Only `left` results of each are needed. More may be written, up to `end`; later rows overwrite
// them.
#define BLOCK(lanes)                                                                             \
  static inline __attribute__((always_inline)) void block_##lanes(                               \
      const float *x, places at, const float *weights, float bias, float low, float high,        \
      float *y, ptrdiff_t width, ptrdiff_t left, const float *end, const int rows) {             \
    typedef float vector __attribute__((vector_size(4 * lanes), aligned(4)));                    \
    typedef int mask __attribute__((vector_size(4 * lanes), aligned(4)));                        \
    vector sum[8];                                                                               \
    UNROLL for (int r = 0; r < rows; r++) sum[r] = (vector){0} + bias;                           \
    UNROLL for (int i = 0; i < 3; i++) {                                                         \
      UNROLL for (int j = 0; j < 3; j++) {                                                       \
        const float *from = x + i * at.line + (j == 0 ? 0 : j == 1 ? at.second : at.third);      \
        UNROLL for (int r = 0; r < rows; r++)                                                    \
          sum[r] += weights[3 * i + j] * *(const vector *)(from + r * at.step);                  \
      }                                                                                          \
    }                                                                                            \
    const vector lows = (vector){0} + low, highs = (vector){0} + high;                           \
    UNROLL for (int r = 0; r < rows; r++, y += width) {                                          \
      /* A NaN fails every comparison, so it is kept. */                                          \
      const mask less = sum[r] < lows, more = sum[r] > highs;                                    \
      const vector result = (vector)((less & (mask)lows) | (more & (mask)highs) |                \
                                     (~(less | more) & (mask)sum[r]));                           \
      if (y + lanes <= end)                                                                      \
        *(vector *)y = result;                                                                   \
      else                                                                                       \
        copy_phase((const float *)&result, left, 0, 1, left, y);                                 \
    }                                                                                            \
  }

BLOCK(8)
BLOCK(16)

CK_VERSIONS(void, ck_depthwise3,
            (const ck_window *w, const float *x, const float *weights, float *scratch, float *y,
             float bias, float low, float high), (w, x, weights, scratch, y, bias, low, high)) {
  const ptrdiff_t width = w->output[2], row = copied(width);
  const ptrdiff_t phases = w->stride[2], line = row * phases;
  const ptrdiff_t last = least((w->output[1] - 1) * w->stride[1] + 3, w->pad[1] + w->input[1]);
  for (ptrdiff_t r = w->pad[1]; r < last; r++) {
    const float *from = x + (r - w->pad[1]) * w->input[2];
    float *to = scratch + r * line;
    if (phases == 1) {
      copy_phase(from, w->input[2], -w->pad[2], 1, row, to);
    } else {
      copy_phase(from, w->input[2], -w->pad[2], 2, row, to);
      copy_phase(from, w->input[2], 1 - w->pad[2], 2, row, to + row);
    }
  }
  const places at = {.line = line, .second = phases == 1 ? 1 : row, .third = phases == 1 ? 2 : 1,
                     .step = w->stride[1] * line};
  const float *const end = y + w->output[1] * width;
  for (ptrdiff_t oy = 0; oy < w->output[1];) {
    const ptrdiff_t left = w->output[1] - oy;
    const ptrdiff_t rows = width <= 8 && left >= 7 ? 7 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
    const float *from = scratch + oy * at.step;
    float *to = y + oy * width;
#define CASE(lanes, rows)                                                                        \
  block_##lanes(from + n, at, weights, bias, low, high, to + n, width, least(width - n, lanes),  \
                end, rows)
    // From last to first, because the last vectors may write into the next row.
    for (ptrdiff_t n = (width - 1) / LANES * LANES; n >= 0; n -= LANES) {
      if (width <= 8) {
        switch (rows) {
          case 7: CASE(8, 7); break;
          case 4: CASE(8, 4); break;
          case 2: CASE(8, 2); break;
          default: CASE(8, 1);
        }
      } else {
        switch (rows) {
          case 4: CASE(16, 4); break;
          case 2: CASE(16, 2); break;
          default: CASE(16, 1);
        }
      }
    }
    oy += rows;
  }
}
