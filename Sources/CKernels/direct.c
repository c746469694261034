// Direct convolution: a matrix product that reads the image in place as its right-hand matrix.
#include "ck_direct.h"

#include "dispatch.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

#if defined(__x86_64__)
#define SUFFIX avx512
#define TARGET CK_AVX512
#define WIDTH 16
#define WIDE 4
#include "direct_template.h"

#define SUFFIX avx2
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define WIDTH 8
#define WIDE 2
#include "direct_template.h"
#endif

#define SUFFIX portable
#define TARGET
#define WIDTH 4
#if defined(__aarch64__)
#define WIDE 4
#else
#define WIDE 2
#endif
#include "direct_template.h"

#define DISPATCH(NAME, ...) \
  CK_PER_LEVEL(NAMED(NAME, avx512), NAMED(NAME, avx2), NAMED(NAME, portable))(__VA_ARGS__)

static inline float activate(float x, ck_activation f, float a, float b) {
  // A NaN fails every comparison, so it is kept.
  switch (f) {
    case CK_ACTIVATION_RELU: return x < 0 ? 0 : x;
    case CK_ACTIVATION_CLIP: {
      float low = x < a ? a : x;
      return low > b ? b : low;
    }
    case CK_ACTIVATION_LEAKY_RELU: return x < 0 ? a * x : x;
    default: return x;
  }
}

#define FINISH(FUNCTION)                                                                       \
  if (residual) {                                                                              \
    for (ptrdiff_t i = 0; i < n; i++) y[i] = activate(x[i] + bias + residual[i], FUNCTION, a, b); \
  } else {                                                                                     \
    for (ptrdiff_t i = 0; i < n; i++) y[i] = activate(x[i] + bias, FUNCTION, a, b);            \
  }

// Finishes rows of `width` results that are `row` floats apart in x and `width` apart in y.
CK_VERSIONS(void, ck_finish_rows,
            (const float *x, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t row, float *y,
             float bias, const float *residual, ck_activation f, float a, float b),
            (x, rows, width, row, y, bias, residual, f, a, b)) {
  const ptrdiff_t n = width;
  float *const first = y;
  for (ptrdiff_t r = 0; r < rows; r++, x += row, y += width) {
    switch (f) {
      case CK_ACTIVATION_RELU: FINISH(CK_ACTIVATION_RELU) break;
      case CK_ACTIVATION_CLIP: FINISH(CK_ACTIVATION_CLIP) break;
      case CK_ACTIVATION_LEAKY_RELU: FINISH(CK_ACTIVATION_LEAKY_RELU) break;
      default: FINISH(CK_ACTIVATION_NONE)
    }
    if (residual) residual += width;
  }
  if (f > CK_ACTIVATION_LEAKY_RELU) ck_activate(first, rows * n, f, a, b);
}

// Writes places first..<first + count of one channel, computed in x, to their windows in y.
static void finish(const ck_direct *s, const float *x, ptrdiff_t first, ptrdiff_t count, float *y,
                   const ck_epilogue *e, ptrdiff_t map) {
  const float bias = e->bias ? e->bias[map] : 0;
  const float *residual = e->residual ? e->residual + map * s->outputs : NULL;
  y += map * s->outputs;
  if (s->row == s->width) {
    ck_finish_rows(x, 1, count, count, y + first, bias, residual ? residual + first : NULL,
                e->function, e->a, e->b);
    return;
  }
  ptrdiff_t oy = first / s->row, ox = first % s->row;
  while (count > 0) {
    // All whole rows at once, or the rest of one.
    const ptrdiff_t rows = ox == 0 && count >= s->row ? count / s->row : 1;
    const ptrdiff_t taken = rows > 1 ? rows * s->row : least(count, s->row - ox);
    const ptrdiff_t width = rows > 1 ? s->width : least(taken, s->width - ox);
    const ptrdiff_t place = oy * s->width + ox;
    if (width > 0)
      ck_finish_rows(x, rows, width, s->row, y + place, bias, residual ? residual + place : NULL,
                  e->function, e->a, e->b);
    x += taken;
    count -= taken;
    oy += rows;
    ox = 0;
  }
}

// Terms of a sum per pass over the places, few enough for their weights to stay in the first-level
// cache.
#define TERMS 512

void ck_convolve_places(const ck_direct *s, const float *packed, ptrdiff_t maps, const float *x,
                        ptrdiff_t first, ptrdiff_t count, float *tile, float *y,
                        const ck_epilogue *epilogue) {
  const ptrdiff_t stride = count + CK_DIRECT_SLACK;
  for (ptrdiff_t map = 0; map < maps; map += CK_DIRECT_MAPS) {
    for (ptrdiff_t k = 0; k < s->depth || k == 0; k += TERMS) {
      const ptrdiff_t depth = least(TERMS, s->depth - k);
      DISPATCH(product, s->offsets + k, depth, packed, x + first, count, tile, stride, k > 0);
      packed += depth * CK_DIRECT_MAPS;
    }
    for (ptrdiff_t m = map; m < least(map + CK_DIRECT_MAPS, maps); m++)
      finish(s, tile + (m - map) * stride, first, count, y, epilogue, m);
  }
}

void ck_convolve_depthwise(const ck_direct *s, const float *weights, const float *x,
                           ptrdiff_t first, ptrdiff_t count, float *tile, float *y,
                           const ck_epilogue *epilogue) {
  DISPATCH(single, s->offsets, s->depth, weights, x + first, count, tile);
  finish(s, tile, first, count, y, epilogue, 0);
}

CK_VERSIONS(void, ck_copy_phases,
            (const ck_window *w, const ck_phases *p, const float *x, float *restrict y),
            (w, p, x, y)) {
  const ptrdiff_t stride = w->stride[2];
  for (ptrdiff_t z = 0; z < p->depth; z++) {
    const ptrdiff_t iz = z - w->pad[0];
    for (ptrdiff_t i = 0; i < p->y_phases; i++) {
      for (ptrdiff_t j = 0; j < p->x_phases; j++) {
        // Columns low..<high of this phase come from the image; the others are padding.
        const ptrdiff_t shift = p->x_phase[j] - w->pad[2];
        const ptrdiff_t low = shift < 0 ? least((-shift + stride - 1) / stride, p->row) : 0;
        const ptrdiff_t room = w->input[2] - shift;
        const ptrdiff_t high =
            room > 0 ? most(low, least((room + stride - 1) / stride, p->row)) : low;
        for (ptrdiff_t r = 0; r < p->height; r++, y += p->row) {
          const ptrdiff_t iy = r * w->stride[1] + p->y_phase[i] - w->pad[1];
          if (iz < 0 || iz >= w->input[0] || iy < 0 || iy >= w->input[1]) {
            for (ptrdiff_t c = 0; c < p->row; c++) y[c] = 0;
            continue;
          }
          const float *restrict row = x + (iz * w->input[1] + iy) * w->input[2] + shift;
          for (ptrdiff_t c = 0; c < low; c++) y[c] = 0;
          if (stride == 1) {
            for (ptrdiff_t c = low; c < high; c++) y[c] = row[c];
          } else if (stride == 2) {
            for (ptrdiff_t c = low; c < high; c++) y[c] = row[2 * c];
          } else {
            for (ptrdiff_t c = low; c < high; c++) y[c] = row[stride * c];
          }
          for (ptrdiff_t c = high; c < p->row; c++) y[c] = 0;
        }
      }
    }
  }
}
