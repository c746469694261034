// Pooling by rows: the rows of a window are reduced to one row, then each window along that row.
#include "ck_pooling.h"

#include <math.h>

#include "ck_threads.h"
#include "dispatch.h"
#include "halving.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

// n / d rounded up. Division is slow, and d is usually 1.
static inline ptrdiff_t steps(ptrdiff_t n, ptrdiff_t d) { return d == 1 ? n : (n + d - 1) / d; }

// *first..<*end are the kernel places of window o that are inside the input.
static inline void inside(const ck_window *w, int axis, ptrdiff_t o, ptrdiff_t *first,
                          ptrdiff_t *end) {
  const ptrdiff_t start = o * w->stride[axis] - w->pad[axis], d = w->dilation[axis];
  *first = start < 0 ? least(steps(-start, d), w->kernel[axis]) : 0;
  const ptrdiff_t room = w->input[axis] - start;
  *end = room > 0 ? most(*first, least(steps(room, d), w->kernel[axis])) : *first;
}

static inline float larger(float best, float x) { return x > best || x != x ? x : best; }
static inline float sum(float a, float b) { return a + b; }

// Rows are short, so the compiler should not interleave vectors.
#define SHORT _Pragma("clang loop interleave_count(1)")

// *low..<*high are the windows that lie entirely inside a row.
static inline void whole(const ck_window *w, ptrdiff_t *low, ptrdiff_t *high) {
  const ptrdiff_t s = w->stride[2], n = w->output[2];
  *low = least(steps(w->pad[2], s), n);
  const ptrdiff_t room = w->input[2] + w->pad[2] - (w->kernel[2] - 1) * w->dilation[2];
  *high = room > 0 ? most(*low, least(steps(room, s), n)) : *low;
}

// Windows low..<high lie entirely inside the row; x0 is the address of window 0's first element.
#define REDUCE_WINDOWS(STRIDE)                                                             \
  switch (w->kernel[2]) {                                                                  \
    case 2:                                                                                \
      SHORT for (ptrdiff_t o = low; o < high; o++)                                         \
        y[o] = OP(x0[o * (STRIDE)], x0[o * (STRIDE) + d]);                                 \
      break;                                                                               \
    case 3:                                                                                \
      SHORT for (ptrdiff_t o = low; o < high; o++)                                         \
        y[o] = OP(OP(x0[o * (STRIDE)], x0[o * (STRIDE) + d]), x0[o * (STRIDE) + 2 * d]);   \
      break;                                                                               \
    default:                                                                               \
      for (ptrdiff_t o = low; o < high; o++) y[o] = x0[o * (STRIDE)];                      \
      for (ptrdiff_t k = 1; k < w->kernel[2]; k++)                                         \
        for (ptrdiff_t o = low; o < high; o++) y[o] = OP(y[o], x0[o * (STRIDE) + k * d]);  \
  }

#define POOL_ROW(NAME, INITIAL)                                                               \
  static inline void NAME(const ck_window *w, ptrdiff_t low, ptrdiff_t high,                  \
                          const float *restrict row, float *restrict y) {                     \
    const ptrdiff_t s = w->stride[2], n = w->output[2], d = w->dilation[2];                   \
    if (high > low) {                                                                         \
      const float *x0 = row - w->pad[2];                                                      \
      if (s == 1 && d == 1) {                                                                 \
        const ptrdiff_t d = 1;                                                                \
        REDUCE_WINDOWS(1)                                                                     \
      } else if (s == 2 && d == 1) {                                                          \
        const ptrdiff_t d = 1;                                                                \
        REDUCE_WINDOWS(2)                                                                     \
      } else {                                                                                \
        REDUCE_WINDOWS(s)                                                                     \
      }                                                                                       \
    }                                                                                         \
    for (ptrdiff_t o = 0; o < n; o++) {                                                       \
      if (o == low) o = high;                                                                 \
      if (o >= n) break;                                                                      \
      ptrdiff_t first, end;                                                                   \
      inside(w, 2, o, &first, &end);                                                          \
      float result = INITIAL;                                                                 \
      for (ptrdiff_t k = first; k < end; k++)                                                 \
        result = OP(result, row[o * s - w->pad[2] + k * d]);                                  \
      y[o] = result;                                                                          \
    }                                                                                         \
  }

#define OP larger
POOL_ROW(max_row, -INFINITY)
#undef OP
#define OP sum
POOL_ROW(sum_row, 0)
#undef OP

// Reduces the rows of windows (oz, oy) to one row, two at a time.
#define GATHER_ROWS(OP, INITIAL)                                                                 \
  ptrdiff_t z0, z1, y0, y1;                                                                      \
  inside(w, 0, oz, &z0, &z1);                                                                    \
  inside(w, 1, oy, &y0, &y1);                                                                    \
  const ptrdiff_t width = w->input[2], step = w->dilation[1] * width;                            \
  int empty = 1;                                                                                 \
  for (ptrdiff_t kz = z0; kz < z1; kz++) {                                                       \
    const ptrdiff_t iz = oz * w->stride[0] - w->pad[0] + kz * w->dilation[0];                    \
    const ptrdiff_t iy = oy * w->stride[1] - w->pad[1] + y0 * w->dilation[1];                    \
    const float *restrict a = x + (iz * w->input[1] + iy) * width;                               \
    ptrdiff_t rows = y1 - y0;                                                                    \
    for (; rows >= 2; rows -= 2, a += 2 * step, empty = 0) {                                     \
      if (empty) {                                                                               \
        SHORT for (ptrdiff_t i = 0; i < width; i++) row[i] = OP(a[i], a[step + i]);              \
      } else {                                                                                   \
        SHORT for (ptrdiff_t i = 0; i < width; i++) row[i] = OP(row[i], OP(a[i], a[step + i]));  \
      }                                                                                          \
    }                                                                                            \
    if (rows == 0) continue;                                                                     \
    if (empty) {                                                                                 \
      SHORT for (ptrdiff_t i = 0; i < width; i++) row[i] = a[i];                                 \
    } else {                                                                                     \
      SHORT for (ptrdiff_t i = 0; i < width; i++) row[i] = OP(row[i], a[i]);                     \
    }                                                                                            \
    empty = 0;                                                                                   \
  }                                                                                              \
  if (empty)                                                                                     \
    for (ptrdiff_t i = 0; i < width; i++) row[i] = INITIAL;

// Short kernels. Rows are gathered in scratch memory with padding on both sides, so that whole
// vectors of windows are reduced at a time. Several rows are gathered before the first is read.
enum { lanes = 8, rows_at_once = 8, widest = 1 << 14 };
typedef float vector __attribute__((ext_vector_type(lanes), aligned(4)));

static inline int is_short(const ck_window *w) {
  const ptrdiff_t k = w->kernel[2], s = w->stride[2], width = w->input[2];
  return w->input[0] == 1 && w->output[0] == 1 && w->pad[0] == 0 && (k == 2 || k == 3) &&
         (s == 1 || s == 2) && w->dilation[2] == 1 && w->pad[2] <= lanes && width <= widest &&
         (w->output[2] - 1) * s + k - w->pad[2] <= width + lanes;
}

// Floats per gathered row: padding, the row in whole vectors, padding.
static inline ptrdiff_t row_step(const ck_window *w) {
  return (w->input[2] + 3 * lanes - 1) / lanes * lanes;
}

// Includes the floats that vectors of windows read past the last row.
ptrdiff_t ck_pool_room(const ck_window *w) {
  return is_short(w) ? rows_at_once * row_step(w) + 8 * lanes : w->input[2];
}

#define AT(p) (*(vector *)(p))
#define READ(p) (*(const vector *)(p))
#define LARGER(A, B) ({ vector a_ = (A), b_ = (B), m_ = a_ > b_ ? a_ : b_; a_ != a_ ? a_ : m_; })
#define SUM(A, B) ((A) + (B))

// Reduces rows y0..<y1 of windows oy to one row.
#define GATHER_SHORT(OP, INITIAL)                                                               \
  ptrdiff_t y0, y1;                                                                             \
  inside(w, 1, oy, &y0, &y1);                                                                   \
  const float *a = x + (oy * w->stride[1] - w->pad[1] + y0 * w->dilation[1]) * width;           \
  const float *b = a + down, *c = b + down;                                                     \
  switch (y1 - y0) {                                                                            \
    case 0:                                                                                     \
      for (ptrdiff_t i = 0; i < width; i += lanes) AT(row + i) = (vector)(INITIAL);             \
      break;                                                                                    \
    case 1:                                                                                     \
      for (ptrdiff_t i = 0; i < width; i += lanes) AT(row + i) = READ(a + i);                   \
      break;                                                                                    \
    case 2:                                                                                     \
      for (ptrdiff_t i = 0; i < width; i += lanes) AT(row + i) = OP(READ(a + i), READ(b + i));  \
      break;                                                                                    \
    default:                                                                                    \
      for (ptrdiff_t i = 0; i < width; i += lanes)                                              \
        AT(row + i) = OP(OP(READ(a + i), READ(b + i)), READ(c + i));                            \
      for (ptrdiff_t k = 3; k < y1 - y0; k++)                                                   \
        for (ptrdiff_t i = 0; i < width; i += lanes)                                            \
          AT(row + i) = OP(READ(row + i), READ(a + k * down + i));                              \
  }                                                                                             \
  AT(row + width) = (vector)(INITIAL);

#define EVEN(A, B) __builtin_shufflevector(A, B, 0, 2, 4, 6, 8, 10, 12, 14)
#define ODD(A, B) __builtin_shufflevector(A, B, 1, 3, 5, 7, 9, 11, 13, 15)

// A vector of windows that starts at p, for each stride and kernel size.
#define WINDOWS_1_2(OP, p, o) OP(READ(p + (o)), READ(p + (o) + 1))
#define WINDOWS_1_3(OP, p, o) OP(WINDOWS_1_2(OP, p, o), READ(p + (o) + 2))
#define WINDOWS_2_2(OP, p, o)                                                 \
  ({                                                                          \
    const vector u_ = READ(p + 2 * (o)), v_ = READ(p + 2 * (o) + lanes);      \
    OP(EVEN(u_, v_), ODD(u_, v_));                                            \
  })
#define WINDOWS_2_3(OP, p, o)                                                       \
  ({                                                                                \
    const vector w_ = READ(p + 2 * (o) + 2), x_ = READ(p + 2 * (o) + 2 + lanes);    \
    OP(WINDOWS_2_2(OP, p, o), EVEN(w_, x_));                                        \
  })

// The next row overwrites results past the end of a row; the last row writes none.
#define WRITE_ROW(WINDOWS, OP, FINISH)                                          \
  for (ptrdiff_t o = 0; o < n; o += lanes) {                                    \
    const vector result = FINISH(WINDOWS(OP, p, o), o);                         \
    if (end - y >= o + lanes) {                                                 \
      AT(y + o) = result;                                                       \
    } else {                                                                    \
      for (ptrdiff_t i = 0; o + i < n; i++) y[o + i] = result[i];               \
    }                                                                           \
  }

#define POOL_SHORT(OP, INITIAL, PREPARE, FINISH)                                         \
  const ptrdiff_t width = w->input[2], down = w->dilation[1] * width, n = w->output[2];  \
  const ptrdiff_t step = row_step(w), kind = w->stride[2] * 2 + w->kernel[2];            \
  float *const end = y + images * w->output[1] * n;                                      \
  for (ptrdiff_t r = 0; r < rows_at_once; r++) AT(rows + r * step) = (vector)(INITIAL);  \
  for (; images > 0; images--, x += w->input[1] * width) {                               \
    for (ptrdiff_t first = 0; first < w->output[1]; first += rows_at_once) {             \
      const ptrdiff_t count = least(rows_at_once, w->output[1] - first);                 \
      for (ptrdiff_t r = 0; r < count; r++) {                                            \
        float *const row = rows + r * step + lanes;                                      \
        const ptrdiff_t oy = first + r;                                                  \
        GATHER_SHORT(OP, INITIAL)                                                        \
      }                                                                                  \
      for (ptrdiff_t r = 0; r < count; r++, y += n) {                                    \
        const float *const p = rows + r * step + lanes - w->pad[2];                      \
        PREPARE(first + r)                                                               \
        switch (kind) {                                                                  \
          case 4: WRITE_ROW(WINDOWS_1_2, OP, FINISH) break;                              \
          case 5: WRITE_ROW(WINDOWS_1_3, OP, FINISH) break;                              \
          case 6: WRITE_ROW(WINDOWS_2_2, OP, FINISH) break;                              \
          default: WRITE_ROW(WINDOWS_2_3, OP, FINISH)                                    \
        }                                                                                \
      }                                                                                  \
    }                                                                                    \
  }

#define NOTHING(oy)
#define AS_IT_IS(v, o) (v)
#define ROW_AREA(oy) const float area = z_counts[0] * y_counts[oy];
#define BY_AREA(v, o) ((v) / (area * READ(x_counts + (o))))

CK_STATIC_VERSIONS(void, max_pool_short,
                   (const ck_window *w, const float *x, ptrdiff_t images, float *y,
                    float *rows), (w, x, images, y, rows)) {
  POOL_SHORT(LARGER, -INFINITY, NOTHING, AS_IT_IS)
}

CK_STATIC_VERSIONS(void, average_pool_short,
                   (const ck_window *w, const float *x, ptrdiff_t images, const float *z_counts,
                    const float *y_counts, const float *x_counts, float *y, float *rows),
                   (w, x, images, z_counts, y_counts, x_counts, y, rows)) {
  POOL_SHORT(SUM, 0, ROW_AREA, BY_AREA)
}

CK_VERSIONS(void, ck_max_pool,
            (const ck_window *w, const float *x, ptrdiff_t images, float *y,
             float *restrict row), (w, x, images, y, row)) {
  if (is_short(w)) {
    max_pool_short(w, x, images, y, row);
    return;
  }
  const ptrdiff_t image = w->input[0] * w->input[1] * w->input[2];
  ptrdiff_t low, high;
  whole(w, &low, &high);
  for (ptrdiff_t c = 0; c < images; c++, x += image) {
    for (ptrdiff_t oz = 0; oz < w->output[0]; oz++) {
      for (ptrdiff_t oy = 0; oy < w->output[1]; oy++, y += w->output[2]) {
        if (oy % 16 == 0 && ck_is_stopped()) return;
        GATHER_ROWS(larger, -INFINITY)
        max_row(w, low, high, row, y);
      }
    }
  }
}

CK_STATIC_VERSIONS(void, quarter_sums,
                   (const float *restrict x, ptrdiff_t row, ptrdiff_t n, float *restrict y),
                   (x, row, n, y)) {
  SHORT for (ptrdiff_t o = 0; o < n; o++)
    y[o] = 0.25f * ((x[2 * o] + x[row + 2 * o]) + (x[2 * o + 1] + x[row + 2 * o + 1]));
}

CK_VERSIONS(void, ck_average_pool,
            (const ck_window *w, const float *x, ptrdiff_t images, const float *z_counts,
             const float *y_counts, const float *restrict x_counts, float *y,
             float *restrict row), (w, x, images, z_counts, y_counts, x_counts, y, row)) {
  if (is_short(w)) {
    average_pool_short(w, x, images, z_counts, y_counts, x_counts, y, row);
    return;
  }
  const ptrdiff_t image = w->input[0] * w->input[1] * w->input[2];
  if (is_halving(w)) {
    const ptrdiff_t width = w->input[2];
    for (ptrdiff_t z = 0; z < images * w->input[0]; z++, x += w->input[1] * width)
      for (ptrdiff_t oy = 0; oy < w->output[1]; oy++, y += w->output[2])
        quarter_sums(x + 2 * oy * width, width, w->output[2], y);
    return;
  }
  ptrdiff_t low, high;
  whole(w, &low, &high);
  for (ptrdiff_t c = 0; c < images; c++, x += image) {
    for (ptrdiff_t oz = 0; oz < w->output[0]; oz++) {
      for (ptrdiff_t oy = 0; oy < w->output[1]; oy++, y += w->output[2]) {
        if (oy % 16 == 0 && ck_is_stopped()) return;
        GATHER_ROWS(sum, 0)
        sum_row(w, low, high, row, y);
        const float area = z_counts[oz] * y_counts[oy];
        SHORT for (ptrdiff_t o = 0; o < w->output[2]; o++) y[o] /= area * x_counts[o];
      }
    }
  }
}
