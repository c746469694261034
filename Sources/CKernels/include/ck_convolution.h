#ifndef CK_CONVOLUTION_H
#define CK_CONVOLUTION_H

#include <stddef.h>

#include "ck_window.h"

// columns[(c, k), i] = the element that window `first + i` has at kernel place k of channel c,
// 0 where it lies outside. Windows and kernel places are counted in row-major order; x holds the
// channels one after the other, columns has rows of `count` floats.
void ck_im2col(const ck_window *window, const float *x, ptrdiff_t channels, ptrdiff_t first,
               ptrdiff_t count, float *columns);

// The reverse: adds columns[(c, k), i] of all windows to where they came from in x.
void ck_col2im(const ck_window *window, const float *columns, ptrdiff_t channels, float *x);

// What is done to the elements of a finished tile.
typedef enum {
  CK_ACTIVATION_NONE,
  CK_ACTIVATION_RELU,
  CK_ACTIVATION_CLIP,        // to a...b
  CK_ACTIVATION_LEAKY_RELU,  // a * x where x < 0
  CK_ACTIVATION_SIGMOID,
  CK_ACTIVATION_TANH,
} ck_activation;

// y[r, c] = f(y[r, c] + bias[r] + residual[r, c]); bias and residual may be NULL. Rows of y and of
// the residual lie `stride` floats apart.
void ck_finish_tile(float *y, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride,
                    const float *bias, const float *residual, ck_activation f, float a, float b);

#endif
