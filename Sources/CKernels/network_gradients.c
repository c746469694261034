// Loops that only training needs: positions of maxima, sums over channels, dropout masks.
#include "ck_network_gradients.h"

#include <math.h>

#include "dispatch.h"
#include "halving.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

// *first..<*end are the windows whose element at `offset` from the window's start is inside the
// input.
static inline void inside(const ck_window *w, int axis, ptrdiff_t offset, ptrdiff_t *first,
                          ptrdiff_t *end) {
  const ptrdiff_t s = w->stride[axis];
  *first = offset < 0 ? least((-offset + s - 1) / s, w->output[axis]) : 0;
  const ptrdiff_t room = w->input[axis] - offset;
  *end = room > 0 ? most(*first, least((room + s - 1) / s, w->output[axis])) : *first;
}

// Compares with element x[o * stride] of windows first..<end, whose position is place + o * stride.
#define TAKE(STRIDE)                                                       \
  for (ptrdiff_t o = first; o < end; o++) {                                \
    const float v = x[o * (STRIDE)], best = y[o];                          \
    const int take = (found[o] < 0) | (v > best) | ((v != v) & (best == best)); \
    y[o] = take ? v : best;                                                \
    found[o] = take ? place + (int32_t)(o * (STRIDE)) : found[o];          \
  }

static inline __attribute__((always_inline)) void take_largest(
    const float *restrict x, ptrdiff_t first, ptrdiff_t end, ptrdiff_t stride, int32_t place,
    float *restrict y, int32_t *restrict found) {
  if (stride == 1) {
    TAKE(1)
  } else if (stride == 2) {
    TAKE(2)
  } else {
    TAKE(stride)
  }
}

static inline int is_larger(float v, float best) {
  return (v > best) | ((v != v) & (best == best));
}

CK_STATIC_VERSIONS(void, halving_places,
                   (const float *restrict x, ptrdiff_t n, int64_t place, int32_t row,
                    float *restrict y, int64_t *restrict places), (x, n, place, row, y, places)) {
  const float *restrict next = x + row;
  for (ptrdiff_t o = 0; o < n; o++) {
    const float a = x[2 * o], b = x[2 * o + 1], c = next[2 * o], d = next[2 * o + 1];
    const int upper = is_larger(b, a), lower = is_larger(d, c);
    const float high = upper ? b : a, low = lower ? d : c;
    const int below = is_larger(low, high);
    y[o] = below ? low : high;
    places[o] = place + (int32_t)(2 * o) + (below ? row + (lower ? 1 : 0) : (upper ? 1 : 0));
  }
}

CK_VERSIONS(void, ck_max_pool_places,
            (const ck_window *w, const float *x, ptrdiff_t images, int64_t start, float *y,
             int64_t *restrict places, int32_t *restrict found),
            (w, x, images, start, y, places, found)) {
  const ptrdiff_t image = w->input[0] * w->input[1] * w->input[2];
  const ptrdiff_t width = w->output[2];
  if (is_halving(w)) {
    const ptrdiff_t row = w->input[2];
    for (ptrdiff_t z = 0; z < images * w->input[0]; z++) {
      const ptrdiff_t plane = z * w->input[1] * row;
      for (ptrdiff_t oy = 0; oy < w->output[1]; oy++, y += width, places += width)
        halving_places(x + plane + 2 * oy * row, width, start + plane + 2 * oy * row, (int32_t)row,
                       y, places);
    }
    return;
  }
  for (ptrdiff_t c = 0; c < images; c++, x += image, start += image) {
    for (ptrdiff_t oz = 0; oz < w->output[0]; oz++) {
      for (ptrdiff_t oy = 0; oy < w->output[1]; oy++, y += width, places += width) {
        for (ptrdiff_t o = 0; o < width; o++) y[o] = -INFINITY, found[o] = -1;
        for (ptrdiff_t kz = 0; kz < w->kernel[0]; kz++) {
          const ptrdiff_t iz = oz * w->stride[0] - w->pad[0] + kz * w->dilation[0];
          if (iz < 0 || iz >= w->input[0]) continue;
          for (ptrdiff_t ky = 0; ky < w->kernel[1]; ky++) {
            const ptrdiff_t iy = oy * w->stride[1] - w->pad[1] + ky * w->dilation[1];
            if (iy < 0 || iy >= w->input[1]) continue;
            for (ptrdiff_t kx = 0; kx < w->kernel[2]; kx++) {
              const ptrdiff_t shift = kx * w->dilation[2] - w->pad[2];
              ptrdiff_t first, end;
              inside(w, 2, shift, &first, &end);
              const ptrdiff_t place = (iz * w->input[1] + iy) * w->input[2] + shift;
              take_largest(x + place, first, end, w->stride[2], (int32_t)place, y, found);
            }
          }
        }
        for (ptrdiff_t o = 0; o < width; o++) places[o] = found[o] < 0 ? -1 : start + found[o];
      }
    }
  }
}

// The loop body of halving_row: N windows of a row, starting at `o`.
#define BRING(N, PLACES, LOW, HIGH)                                                              \
  for (; o + N <= n; o += N) {                                                                   \
    typedef float floats __attribute__((vector_size(4 * N), aligned(4)));                        \
    typedef int32_t ints __attribute__((vector_size(4 * N), aligned(4)));                        \
    typedef uint64_t longs __attribute__((vector_size(8 * N), aligned(8)));                      \
    const longs own = *(const longs *)(places + o) - ((uint64_t)first + 2 * (uint64_t)o);        \
    const ints place = __builtin_convertvector(own, ints) - (ints)PLACES;                        \
    const ints value = (ints)*(const floats *)(g + o);                                           \
    const floats a = (floats)(value & (place == 0)), b = (floats)(value & (place == 1));         \
    const floats c = (floats)(value & (place == width));                                         \
    const floats d = (floats)(value & (place == width + 1));                                     \
    *(floats *)(y + 2 * o) = __builtin_shufflevector(a, b, LOW);                                 \
    *(floats *)(y + 2 * o + N) = __builtin_shufflevector(a, b, HIGH);                            \
    *(floats *)(next + 2 * o) = __builtin_shufflevector(c, d, LOW);                              \
    *(floats *)(next + 2 * o + N) = __builtin_shufflevector(c, d, HIGH);                         \
  }
#define LIST(...) __VA_ARGS__

// Writes the gradients of a row of windows to their positions in two rows of `width` elements.
static inline __attribute__((always_inline)) void halving_row(const float *restrict g,
                                                              const int64_t *restrict places,
                                                              ptrdiff_t n, int64_t first,
                                                              int32_t width, float *restrict y) {
  float *next = y + width;
  ptrdiff_t o = 0;
  BRING(8, LIST({0, 2, 4, 6, 8, 10, 12, 14}), LIST(0, 8, 1, 9, 2, 10, 3, 11),
        LIST(4, 12, 5, 13, 6, 14, 7, 15))
  BRING(4, LIST({0, 2, 4, 6}), LIST(0, 4, 1, 5), LIST(2, 6, 3, 7))
  for (; o < n; o++) {
    const uint64_t place = (uint64_t)places[o] - (uint64_t)first - 2 * (uint64_t)o;
    y[2 * o] = y[2 * o + 1] = next[2 * o] = next[2 * o + 1] = 0;
    if (place < 2) y[2 * o + (ptrdiff_t)place] = g[o];
    else if (place - (uint64_t)width < 2) next[2 * o + (ptrdiff_t)place - width] = g[o];
  }
  if (width % 2) y[width - 1] = next[width - 1] = 0;
}

CK_VERSIONS(void, ck_halving_gradient,
            (const float *g, const int64_t *places, ptrdiff_t planes, ptrdiff_t height,
             ptrdiff_t width, int64_t start, float *x),
            (g, places, planes, height, width, start, x)) {
  const ptrdiff_t n = width / 2;
  for (ptrdiff_t z = 0; z < planes; z++, x += height * width, start += height * width) {
    for (ptrdiff_t oy = 0; oy < height / 2; oy++, g += n, places += n)
      halving_row(g, places, n, start + 2 * oy * width, (int32_t)width, x + 2 * oy * width);
    if (height % 2)
      for (ptrdiff_t i = 0; i < width; i++) x[(height - 1) * width + i] = 0;
  }
}

// Writes a quarter of each gradient to the elements of its window, and 0 outside all windows.
CK_STATIC_VERSIONS(void, spread_quarters,
                   (const ck_window *w, const float *restrict g, ptrdiff_t planes,
                    float *restrict x), (w, g, planes, x)) {
  const ptrdiff_t row = w->input[2], n = w->output[2];
  for (ptrdiff_t z = 0; z < planes; z++, x += w->input[1] * row) {
    for (ptrdiff_t oy = 0; oy < w->output[1]; oy++, g += n) {
      float *restrict y = x + 2 * oy * row, *restrict next = y + row;
      for (ptrdiff_t o = 0; o < n; o++) {
        const float quarter = 0.25f * g[o];
        y[2 * o] = quarter;
        y[2 * o + 1] = quarter;
      }
      for (ptrdiff_t i = 2 * n; i < row; i++) y[i] = 0;
      for (ptrdiff_t i = 0; i < row; i++) next[i] = y[i];
    }
    for (ptrdiff_t i = 2 * w->output[1] * row; i < w->input[1] * row; i++) x[i] = 0;
  }
}

CK_VERSIONS(void, ck_spread_windows,
            (const ck_window *w, const float *g, ptrdiff_t images, const float *z_counts,
             const float *y_counts, const float *restrict x_counts, float *x,
             float *restrict row), (w, g, images, z_counts, y_counts, x_counts, x, row)) {
  const ptrdiff_t image = w->input[0] * w->input[1] * w->input[2];
  const ptrdiff_t stride = w->stride[2];
  if (is_halving(w)) {
    spread_quarters(w, g, images * w->input[0], x);
    return;
  }
  for (ptrdiff_t c = 0; c < images; c++, x += image) {
    for (ptrdiff_t i = 0; i < image; i++) x[i] = 0;
    for (ptrdiff_t oz = 0; oz < w->output[0]; oz++) {
      for (ptrdiff_t oy = 0; oy < w->output[1]; oy++, g += w->output[2]) {
        const float area = z_counts[oz] * y_counts[oy];
        // A window that lies entirely in the padding has count 0 and no elements.
        for (ptrdiff_t o = 0; o < w->output[2]; o++) row[o] = g[o] / (area * x_counts[o]);
        for (ptrdiff_t kz = 0; kz < w->kernel[0]; kz++) {
          const ptrdiff_t iz = oz * w->stride[0] - w->pad[0] + kz * w->dilation[0];
          if (iz < 0 || iz >= w->input[0]) continue;
          for (ptrdiff_t ky = 0; ky < w->kernel[1]; ky++) {
            const ptrdiff_t iy = oy * w->stride[1] - w->pad[1] + ky * w->dilation[1];
            if (iy < 0 || iy >= w->input[1]) continue;
            for (ptrdiff_t kx = 0; kx < w->kernel[2]; kx++) {
              const ptrdiff_t shift = kx * w->dilation[2] - w->pad[2];
              ptrdiff_t first, end;
              inside(w, 2, shift, &first, &end);
              float *restrict target = x + (iz * w->input[1] + iy) * w->input[2] + shift;
              if (stride == 1) {
                for (ptrdiff_t o = first; o < end; o++) target[o] += row[o];
              } else {
                for (ptrdiff_t o = first; o < end; o++) target[o * stride] += row[o];
              }
            }
          }
        }
      }
    }
  }
}

#define LANES 32
#define BLOCK 2048

static inline float total(float *part) {
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) part[i] += part[i + width];
  return part[0];
}

// Blocks are summed in float, the sums of the blocks in double.
CK_VERSIONS(void, ck_gradient_sums,
            (const float *g, const float *x, size_t n, float mean, double *sum_g,
             double *sum_gx), (g, x, n, mean, sum_g, sum_gx)) {
  size_t i = 0;
  while (i < n) {
    const size_t end = n - i < BLOCK ? n : i + BLOCK;
    float a[LANES] = {0}, b[LANES] = {0};
    for (; i + LANES <= end; i += LANES)
      for (int j = 0; j < LANES; j++) {
        a[j] += g[i + j];
        b[j] += g[i + j] * (x[i + j] - mean);
      }
    for (int j = 0; i < end; i++, j++) {
      a[j] += g[i];
      b[j] += g[i] * (x[i] - mean);
    }
    *sum_g += total(a);
    *sum_gx += total(b);
  }
}

CK_VERSIONS(void, ck_gradient_affine,
            (const float *restrict g, const float *restrict x, float *restrict y, size_t n,
             float mean, float a, float b, float c), (g, x, y, n, mean, a, b, c)) {
  for (size_t i = 0; i < n; i++) y[i] = a * g[i] + (b * (x[i] - mean) + c);
}

CK_VERSIONS(void, ck_row_gradient,
            (const float *restrict g, const float *restrict x, const float *restrict scale,
             float *restrict y, float *restrict scale_sums, float *restrict bias_sums, size_t n,
             float mean, float inverse, int is_centered),
            (g, x, scale, y, scale_sums, bias_sums, n, mean, inverse, is_centered)) {
  float a[LANES] = {0}, b[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++) {
      const float normal = (x[i + j] - mean) * inverse, d = g[i + j] * scale[i + j];
      a[j] += d;
      b[j] += d * normal;
      scale_sums[i + j] += g[i + j] * normal;
      bias_sums[i + j] += g[i + j];
    }
  for (int j = 0; i < n; i++, j++) {
    const float normal = (x[i] - mean) * inverse, d = g[i] * scale[i];
    a[j] += d;
    b[j] += d * normal;
    scale_sums[i] += g[i] * normal;
    bias_sums[i] += g[i];
  }
  if (!y) return;
  const float average = is_centered ? total(a) / n : 0, product = total(b) / n;
  for (i = 0; i < n; i++)
    y[i] = inverse * (g[i] * scale[i] - average - (x[i] - mean) * inverse * product);
}

// Two rounds of Wellons' 32-bit mixer lowbias32, each with its own key.
static inline uint32_t mixed(uint32_t z) {
  z = (z ^ (z >> 16)) * 0x7feb352du;
  z = (z ^ (z >> 15)) * 0x846ca68bu;
  return z ^ (z >> 16);
}

CK_VERSIONS(void, ck_dropout_mask,
            (uint8_t *restrict mask, size_t n, uint32_t key0, uint32_t key1,
             uint32_t threshold), (mask, n, key0, key1, threshold)) {
  for (size_t i = 0; i < n; i++)
    mask[i] = mixed(mixed((uint32_t)i ^ key0) + key1) >= threshold;
}

CK_VERSIONS(void, ck_dropout_apply,
            (const float *restrict x, const uint8_t *restrict mask, float *restrict y, size_t n,
             float scale), (x, mask, y, n, scale)) {
  for (size_t i = 0; i < n; i++) y[i] = mask[i] ? scale * x[i] : 0;
}
