// Depthwise convolution with kernels of 3 x 3 (see ck_direct.h).
#include "ck_direct.h"
#include "dispatch.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

// Results of a row are made in vectors of so many.
#define LANES 16

// A row of a copy holds what whole vectors of windows read of one phase.
static inline ptrdiff_t copied(ptrdiff_t width) { return (width + LANES - 1) / LANES * LANES + 8; }

ptrdiff_t ck_depthwise3_scratch(const ck_window *w) {
  const ptrdiff_t rows = (w->output[1] - 1) * w->stride[1] + 3;
  return rows * w->stride[2] * copied(w->output[2]);
}

// y[j] = row[j * stride + shift] for those j < n where the row of `width` has it.
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
    // Without a call, which such short rows are not worth.
    for (ptrdiff_t j = 0; j < count - 4; j += 4) *(four *)(y + j) = *(const four *)(row + j);
    *(four *)(y + count - 4) = *(const four *)(row + count - 4);
  } else {
    for (ptrdiff_t j = 0; j < count; j++) y[j] = row[j * stride];
  }
}

CK_MULTIVERSION void ck_depthwise3(const ck_window *w, const float *x, const float *weights,
                                   float *scratch, float *y, float bias, float low, float high) {
  const ptrdiff_t width = w->output[2], row = copied(width);
  const ptrdiff_t phases = w->stride[2], line = row * phases;
  const ptrdiff_t end = least((w->output[1] - 1) * w->stride[1] + 3, w->pad[1] + w->input[1]);
  for (ptrdiff_t r = w->pad[1]; r < end; r++) {
    const float *from = x + (r - w->pad[1]) * w->input[2];
    float *to = scratch + r * line;
    if (phases == 1) {
      copy_phase(from, w->input[2], -w->pad[2], 1, row, to);
    } else {
      copy_phase(from, w->input[2], -w->pad[2], 2, row, to);
      copy_phase(from, w->input[2], 1 - w->pad[2], 2, row, to + row);
    }
  }
  // Where the second and third column of a window lie from its first.
  const ptrdiff_t second = phases == 1 ? 1 : row, third = phases == 1 ? 2 : 1;
  for (ptrdiff_t oy = 0; oy < w->output[1]; oy++, y += width) {
    const float *a = scratch + oy * w->stride[1] * line, *b = a + line, *c = b + line;
    for (ptrdiff_t first = 0; first < width; first += LANES) {
      float result[LANES];
      _Pragma("clang loop vectorize(assume_safety) unroll(disable)")
      for (ptrdiff_t j = 0; j < LANES; j++) {
        const ptrdiff_t k = first + j;
        float sum = bias + weights[0] * a[k] + weights[1] * a[k + second] + weights[2] * a[k + third];
        sum += weights[3] * b[k] + weights[4] * b[k + second] + weights[5] * b[k + third];
        sum += weights[6] * c[k] + weights[7] * c[k + second] + weights[8] * c[k + third];
        // A NaN fails every comparison and stays one.
        sum = sum < low ? low : sum;
        result[j] = sum > high ? high : sum;
      }
      const ptrdiff_t left = least(width - first, LANES);
      copy_phase(result, left, 0, 1, left, y + first);
    }
  }
}
