#ifndef CK_CONVOLUTION_H
#define CK_CONVOLUTION_H

#include <stddef.h>

#include "ck_window.h"

// columns[(c, k), i] = the element of window `first + i` at kernel place k of channel c, or 0 if it
// is outside the image. Windows and kernel places are in row-major order; x holds one channel after
// the other; `columns` has rows of `count` floats.
void ck_im2col(const ck_window *window, const float *x, ptrdiff_t channels, ptrdiff_t first,
               ptrdiff_t count, float *columns);

// The transpose of ck_im2col: adds columns[(c, k), i] of all windows to their elements of x.
void ck_col2im(const ck_window *window, const float *columns, ptrdiff_t channels, float *x);

// The activation that is applied to a finished tile.
typedef enum {
  CK_ACTIVATION_NONE,
  CK_ACTIVATION_RELU,
  CK_ACTIVATION_CLIP,        // min(max(x, a), b)
  CK_ACTIVATION_LEAKY_RELU,  // a * x where x < 0, else x
  CK_ACTIVATION_SIGMOID,
  CK_ACTIVATION_TANH,
  CK_ACTIVATION_GELU,
  CK_ACTIVATION_GELU_TANH,
  CK_ACTIVATION_HARD_SIGMOID,  // min(max(a * x + b, 0), 1)
  CK_ACTIVATION_HARD_SWISH,
  CK_ACTIVATION_SWISH,         // x / (1 + e^(-a x))
  CK_ACTIVATION_ELU,           // a * (e^x - 1) where x <= 0, else x
  CK_ACTIVATION_MISH,
} ck_activation;

// y[i] = f(y[i]) for i < n.
void ck_activate(float *y, ptrdiff_t n, ck_activation f, float a, float b);

// y[r, c] = f(y[r, c] + bias[r] + residual[r, c]). bias and residual may be NULL. Rows of y and of
// the residual are `stride` floats apart.
void ck_finish_tile(float *y, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride,
                    const float *bias, const float *residual, ck_activation f, float a, float b);

#endif
