// Pooling by rows: first the rows under a window are reduced to one, then each window along it.
#include "ck_pooling.h"

#include <math.h>

#include "dispatch.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

// The elements of window o inside the input: *end - *first of them, from kernel place *first.
static inline void inside(const ck_window *w, int axis, ptrdiff_t o, ptrdiff_t *first,
                          ptrdiff_t *end) {
  const ptrdiff_t start = o * w->stride[axis] - w->pad[axis], d = w->dilation[axis];
  *first = start < 0 ? least((-start + d - 1) / d, w->kernel[axis]) : 0;
  const ptrdiff_t room = w->input[axis] - start;
  *end = room > 0 ? most(*first, least((room + d - 1) / d, w->kernel[axis])) : *first;
}

static inline float larger(float best, float x) { return x > best || x != x ? x : best; }
static inline float sum(float a, float b) { return a + b; }

// Windows low..<high lie inside the row whole; x0 is where the first element of window 0 would be.
#define REDUCE_WINDOWS(STRIDE)                                             \
  for (ptrdiff_t o = low; o < high; o++) y[o] = x0[o * (STRIDE)];          \
  for (ptrdiff_t k = 1; k < w->kernel[2]; k++) {                           \
    const float *xk = x0 + k * w->dilation[2];                             \
    for (ptrdiff_t o = low; o < high; o++) y[o] = OP(y[o], xk[o * (STRIDE)]); \
  }

#define POOL_ROW(NAME, INITIAL)                                                              \
  static inline void NAME(const ck_window *w, const float *restrict row, float *restrict y) { \
    const ptrdiff_t s = w->stride[2], n = w->output[2];                                      \
    const ptrdiff_t extent = (w->kernel[2] - 1) * w->dilation[2];                            \
    ptrdiff_t low = least((w->pad[2] + s - 1) / s, n);                                       \
    const ptrdiff_t room = w->input[2] + w->pad[2] - extent;                                 \
    ptrdiff_t high = room > 0 ? most(low, least((room + s - 1) / s, n)) : low;               \
    if (high > low) {                                                                        \
      const float *x0 = row - w->pad[2];                                                     \
      if (s == 1) {                                                                          \
        REDUCE_WINDOWS(1)                                                                    \
      } else if (s == 2) {                                                                   \
        REDUCE_WINDOWS(2)                                                                    \
      } else {                                                                               \
        REDUCE_WINDOWS(s)                                                                    \
      }                                                                                      \
    }                                                                                        \
    for (ptrdiff_t o = 0; o < n; o++) {                                                      \
      if (o == low) o = high;                                                                \
      if (o >= n) break;                                                                     \
      ptrdiff_t first, end;                                                                  \
      inside(w, 2, o, &first, &end);                                                         \
      float result = INITIAL;                                                                \
      for (ptrdiff_t k = first; k < end; k++)                                                \
        result = OP(result, row[o * s - w->pad[2] + k * w->dilation[2]]);                    \
      y[o] = result;                                                                         \
    }                                                                                        \
  }

#define OP larger
POOL_ROW(max_row, -INFINITY)
#undef OP
#define OP sum
POOL_ROW(sum_row, 0)
#undef OP

// The rows under windows (oz, oy), reduced to one.
#define GATHER_ROWS(OP, INITIAL)                                                               \
  ptrdiff_t z0, z1, y0, y1;                                                                    \
  inside(w, 0, oz, &z0, &z1);                                                                  \
  inside(w, 1, oy, &y0, &y1);                                                                  \
  const ptrdiff_t width = w->input[2];                                                         \
  int empty = 1;                                                                               \
  for (ptrdiff_t kz = z0; kz < z1; kz++) {                                                     \
    for (ptrdiff_t ky = y0; ky < y1; ky++) {                                                   \
      const ptrdiff_t iz = oz * w->stride[0] - w->pad[0] + kz * w->dilation[0];                \
      const ptrdiff_t iy = oy * w->stride[1] - w->pad[1] + ky * w->dilation[1];                \
      const float *restrict source = x + (iz * w->input[1] + iy) * width;                      \
      if (empty) {                                                                             \
        for (ptrdiff_t i = 0; i < width; i++) row[i] = source[i];                              \
      } else {                                                                                 \
        for (ptrdiff_t i = 0; i < width; i++) row[i] = OP(row[i], source[i]);                  \
      }                                                                                        \
      empty = 0;                                                                               \
    }                                                                                          \
  }                                                                                            \
  if (empty)                                                                                   \
    for (ptrdiff_t i = 0; i < width; i++) row[i] = INITIAL;

CK_MULTIVERSION void ck_max_pool(const ck_window *w, const float *x, ptrdiff_t images, float *y,
                                 float *restrict row) {
  const ptrdiff_t image = w->input[0] * w->input[1] * w->input[2];
  for (ptrdiff_t c = 0; c < images; c++, x += image) {
    for (ptrdiff_t oz = 0; oz < w->output[0]; oz++) {
      for (ptrdiff_t oy = 0; oy < w->output[1]; oy++, y += w->output[2]) {
        GATHER_ROWS(larger, -INFINITY)
        max_row(w, row, y);
      }
    }
  }
}

CK_MULTIVERSION void ck_average_pool(const ck_window *w, const float *x, ptrdiff_t images,
                                     const float *z_counts, const float *y_counts,
                                     const float *restrict x_counts, float *y, float *restrict row) {
  const ptrdiff_t image = w->input[0] * w->input[1] * w->input[2];
  for (ptrdiff_t c = 0; c < images; c++, x += image) {
    for (ptrdiff_t oz = 0; oz < w->output[0]; oz++) {
      for (ptrdiff_t oy = 0; oy < w->output[1]; oy++, y += w->output[2]) {
        GATHER_ROWS(sum, 0)
        sum_row(w, row, y);
        const float area = z_counts[oz] * y_counts[oy];
        for (ptrdiff_t o = 0; o < w->output[2]; o++) y[o] /= area * x_counts[o];
      }
    }
  }
}
