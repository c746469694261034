// im2col, col2im, and the bias, residual and activation of a finished tile. Padding is handled once
// per row, outside the inner loops.
#include "ck_convolution.h"

#include <string.h>

#include "ck_elementwise.h"
#include "ck_unary.h"
#include "dispatch.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

// *first..<*end are the windows whose element at `offset` from the window's start is inside the
// input.
static inline void inside(const ck_window *w, int axis, ptrdiff_t offset, ptrdiff_t *first,
                          ptrdiff_t *end) {
  ptrdiff_t s = w->stride[axis];
  *first = offset < 0 ? least((-offset + s - 1) / s, w->output[axis]) : 0;
  ptrdiff_t room = w->input[axis] - offset;
  *end = room > 0 ? most(*first, least((room + s - 1) / s, w->output[axis])) : *first;
}

// Copies without calling memcpy: most rows are too short for a call to pay off.
static inline void copy(float *restrict y, const float *restrict x, ptrdiff_t n) {
  ptrdiff_t i = 0;
  for (; i + 16 <= n; i += 16) memcpy(y + i, x + i, 64);
  if (n & 8) memcpy(y + i, x + i, 32), i += 8;
  if (n & 4) memcpy(y + i, x + i, 16), i += 4;
  if (n & 2) memcpy(y + i, x + i, 8), i += 2;
  if (n & 1) y[i] = x[i];
}

static inline void gather(float *restrict y, const float *restrict x, ptrdiff_t n,
                          ptrdiff_t stride) {
  if (stride == 1) {
    copy(y, x, n);
  } else if (stride == 2) {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = x[2 * i];
  } else {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = x[stride * i];
  }
}

static inline void clear(float *y, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++) y[i] = 0;
}

CK_VERSIONS(void, ck_im2col,
            (const ck_window *w, const float *x, ptrdiff_t channels, ptrdiff_t first,
             ptrdiff_t count, float *columns), (w, x, channels, first, count, columns)) {
  const ptrdiff_t width = w->output[2], height = w->output[1];
  const ptrdiff_t image = w->input[0] * w->input[1] * w->input[2];
  const ptrdiff_t x0 = first % width, y0 = first / width % height, z0 = first / width / height;
  for (ptrdiff_t c = 0; c < channels; c++, x += image) {
    for (ptrdiff_t kz = 0; kz < w->kernel[0]; kz++) {
      for (ptrdiff_t ky = 0; ky < w->kernel[1]; ky++) {
        for (ptrdiff_t kx = 0; kx < w->kernel[2]; kx++, columns += count) {
          const ptrdiff_t shift = kx * w->dilation[2] - w->pad[2];
          ptrdiff_t low, high;
          inside(w, 2, shift, &low, &high);
          ptrdiff_t ox = x0, oy = y0, oz = z0;
          for (ptrdiff_t done = 0; done < count;) {
            const ptrdiff_t n = least(width - ox, count - done);
            const ptrdiff_t iz = oz * w->stride[0] - w->pad[0] + kz * w->dilation[0];
            const ptrdiff_t iy = oy * w->stride[1] - w->pad[1] + ky * w->dilation[1];
            float *row = columns + done;
            if (iz < 0 || iz >= w->input[0] || iy < 0 || iy >= w->input[1]) {
              clear(row, n);
            } else {
              const ptrdiff_t from = least(most(low, ox), ox + n);
              const ptrdiff_t to = most(from, least(high, ox + n));
              const float *source = x + (iz * w->input[1] + iy) * w->input[2];
              clear(row, from - ox);
              if (to > from)
                gather(row + (from - ox), source + from * w->stride[2] + shift, to - from,
                       w->stride[2]);
              clear(row + (to - ox), ox + n - to);
            }
            done += n;
            ox = 0;
            if (++oy == height) oy = 0, oz++;
          }
        }
      }
    }
  }
}

CK_VERSIONS(void, ck_col2im,
            (const ck_window *w, const float *columns, ptrdiff_t channels, float *x),
            (w, columns, channels, x)) {
  const ptrdiff_t image = w->input[0] * w->input[1] * w->input[2];
  const ptrdiff_t windows = w->output[0] * w->output[1] * w->output[2];
  for (ptrdiff_t c = 0; c < channels; c++, x += image) {
    for (ptrdiff_t kz = 0; kz < w->kernel[0]; kz++) {
      for (ptrdiff_t ky = 0; ky < w->kernel[1]; ky++) {
        for (ptrdiff_t kx = 0; kx < w->kernel[2]; kx++, columns += windows) {
          const ptrdiff_t shift = kx * w->dilation[2] - w->pad[2], stride = w->stride[2];
          ptrdiff_t low, high;
          inside(w, 2, shift, &low, &high);
          for (ptrdiff_t oz = 0; oz < w->output[0]; oz++) {
            const ptrdiff_t iz = oz * w->stride[0] - w->pad[0] + kz * w->dilation[0];
            if (iz < 0 || iz >= w->input[0]) continue;
            for (ptrdiff_t oy = 0; oy < w->output[1]; oy++) {
              const ptrdiff_t iy = oy * w->stride[1] - w->pad[1] + ky * w->dilation[1];
              if (iy < 0 || iy >= w->input[1]) continue;
              const float *restrict row = columns + (oz * w->output[1] + oy) * w->output[2];
              float *restrict target = x + (iz * w->input[1] + iy) * w->input[2] + shift;
              if (stride == 1) {
                for (ptrdiff_t ox = low; ox < high; ox++) target[ox] += row[ox];
              } else {
                for (ptrdiff_t ox = low; ox < high; ox++) target[ox * stride] += row[ox];
              }
            }
          }
        }
      }
    }
  }
}


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

static inline __attribute__((always_inline)) void finish_row(float *restrict y, ptrdiff_t n,
                                                             float bias, const float *residual,
                                                             ck_activation f, float a, float b) {
  if (residual) {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = activate(y[i] + bias + residual[i], f, a, b);
  } else {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = activate(y[i] + bias, f, a, b);
  }
}

void ck_activate(float *y, ptrdiff_t n, ck_activation f, float a, float b) {
  const size_t count = (size_t)n;
  switch (f) {
    case CK_ACTIVATION_NONE: break;
    case CK_ACTIVATION_RELU: ck_relu(y, y, count); break;
    case CK_ACTIVATION_CLIP: ck_clip(y, y, count, a, b); break;
    case CK_ACTIVATION_LEAKY_RELU: ck_leaky_relu(y, y, count, a); break;
    case CK_ACTIVATION_SIGMOID: ck_sigmoid(y, y, count); break;
    case CK_ACTIVATION_TANH: ck_tanh(y, y, count); break;
    case CK_ACTIVATION_HARD_SIGMOID: ck_hard_sigmoid(y, y, count, a, b); break;
    case CK_ACTIVATION_HARD_SWISH: ck_hard_swish(y, y, count); break;
    case CK_ACTIVATION_SWISH: ck_swish(y, y, count, a); break;
    case CK_ACTIVATION_GELU: ck_gelu(y, y, count); break;
    case CK_ACTIVATION_GELU_TANH: ck_gelu_tanh(y, y, count); break;
    case CK_ACTIVATION_ELU: ck_elu(y, y, count, a, 1, 1); break;
    case CK_ACTIVATION_MISH: ck_mish(y, y, count); break;
  }
}

CK_STATIC_VERSIONS(void, finish_tile,
                   (float *y, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride,
                    const float *bias, const float *residual, ck_activation f, float a, float b),
                   (y, rows, columns, stride, bias, residual, f, a, b)) {
  for (ptrdiff_t r = 0; r < rows; r++, y += stride) {
    const float add = bias ? bias[r] : 0;
    const float *other = residual ? residual + r * stride : NULL;
    switch (f) {
      case CK_ACTIVATION_RELU: finish_row(y, columns, add, other, CK_ACTIVATION_RELU, a, b); break;
      case CK_ACTIVATION_CLIP: finish_row(y, columns, add, other, CK_ACTIVATION_CLIP, a, b); break;
      case CK_ACTIVATION_LEAKY_RELU:
        finish_row(y, columns, add, other, CK_ACTIVATION_LEAKY_RELU, a, b);
        break;
      default:
        finish_row(y, columns, add, other, CK_ACTIVATION_NONE, a, b);
        ck_activate(y, columns, f, a, b);
    }
  }
}

void ck_finish_tile(float *y, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride,
                    const float *bias, const float *residual, ck_activation f, float a, float b) {
  if (bias || residual) {
    finish_tile(y, rows, columns, stride, bias, residual, f, a, b);
  } else if (columns == stride) {
    ck_activate(y, rows * columns, f, a, b);
  } else {
    for (ptrdiff_t r = 0; r < rows; r++) ck_activate(y + r * stride, columns, f, a, b);
  }
}
