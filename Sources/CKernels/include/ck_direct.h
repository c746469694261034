#ifndef CK_DIRECT_H
#define CK_DIRECT_H

#include <stddef.h>

#include "ck_convolution.h"
#include "ck_window.h"

// Direct convolution: windows are read as contiguous runs, without copying columns.
//
// An image [z, y, x] is copied with its padding into phases, one for each remainder of row and
// column modulo the strides that an element of the kernel needs. Within a phase, neighbouring
// windows are adjacent: element k of window (oy, ox) is at offsets[k] + oy * row + ox. Runs
// continue past the ends of rows; results computed there are discarded.
typedef struct {
  ptrdiff_t y_phases, x_phases;              // number of remainders
  const ptrdiff_t *y_phase, *x_phase;        // the remainders, ascending
  ptrdiff_t depth, height, row;              // planes, rows of a phase, elements of a row
} ck_phases;

// Copies one channel with its padding into phases [depth, y_phases, x_phases, height, row].
void ck_copy_phases(const ck_window *window, const ck_phases *phases, const float *x, float *y);

typedef struct {
  ptrdiff_t depth;             // terms of a sum: input channels times elements of the kernel
  const ptrdiff_t *offsets;    // positions of the factors, relative to a window's place
  ptrdiff_t row, width;        // places from one row of windows to the next; windows in a row
  ptrdiff_t outputs;           // floats from one output channel to the next
} ck_direct;

// Bias, residual and activation of the results, as in ck_finish_tile. Only products of panels have
// `starts`, one number for each column, with which its sums begin; NULL for none.
typedef struct {
  const float *bias;
  const float *starts;
  const float *residual;
  ck_activation function;
  float a, b;
  float low, high;  // bounds of the result (none, Relu, Clip)
} ck_epilogue;

// Finishes rows of `width` results that are `row` floats apart in x and `width` apart in y.
void ck_finish_rows(const float *x, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t row, float *y,
                    float bias, const float *residual, ck_activation function, float a, float b);

// Output channels in a block of packed weights: [block, term, CK_DIRECT_MAPS].
#define CK_DIRECT_MAPS 6

// Extra floats of a tile beyond its places. The image is read up to 15 floats past the last factor
// of the last place.
#define CK_DIRECT_SLACK 64

// Computes places first..<first + count of `maps` output channels. x points to place 0; y, bias and
// residual to the first channel. `tile` has CK_DIRECT_MAPS * (count + CK_DIRECT_SLACK) floats.
void ck_convolve_places(const ck_direct *shape, const float *packed, ptrdiff_t maps,
                        const float *x, ptrdiff_t first, ptrdiff_t count, float *tile, float *y,
                        const ck_epilogue *epilogue);

// The same for one output channel, with weights that are not packed.
void ck_convolve_depthwise(const ck_direct *shape, const float *weights, const float *x,
                           ptrdiff_t first, ptrdiff_t count, float *tile, float *y,
                           const ck_epilogue *epilogue);

// The largest width of a kernel for ck_depthwise.
#define CK_DEPTHWISE_WIDTH 32

// Whether ck_depthwise computes these windows: two-dimensional, with kernels of 1, 3, 5 or 7 rows and
// most strides of 1 and 2, and with any dilation along an axis that has stride 1.
int ck_depthwise_accepts(const ck_window *window);

// Output channels first..<first + count of an image x, each from input channel m / multiple. x,
// weights, y and bias point to the image's first channel. The residual is not read.
void ck_depthwise(const ck_window *window, const float *x, ptrdiff_t first, ptrdiff_t count,
                  ptrdiff_t multiple, const float *weights, float *y, const ck_epilogue *epilogue);

#endif
