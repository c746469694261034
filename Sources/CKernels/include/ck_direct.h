#ifndef CK_DIRECT_H
#define CK_DIRECT_H

#include <stddef.h>

#include "ck_convolution.h"
#include "ck_window.h"

// Direct convolution: windows become contiguous runs, so that no columns are copied.
//
// An image [z, y, x] is copied with its padding into phases, one for each remainder of row and
// column by the strides that some element of the kernel needs. Within a phase neighbouring windows
// lie side by side: window (oy, ox) has its element k at offsets[k] + oy * row + ox. Runs go over
// the ends of rows; what is computed there is dropped.
typedef struct {
  ptrdiff_t y_phases, x_phases;              // how many remainders there are
  const ptrdiff_t *y_phase, *x_phase;        // the remainders, ascending
  ptrdiff_t depth, height, row;              // planes, rows of a phase, elements of a row
} ck_phases;

// One channel with its padding, as phases: [depth, y_phases, x_phases, height, row].
void ck_copy_phases(const ck_window *window, const ck_phases *phases, const float *x, float *y);

typedef struct {
  ptrdiff_t depth;             // terms of a sum: input channels times elements of the kernel
  const ptrdiff_t *offsets;    // where the factors lie from a window's place
  ptrdiff_t row, width;        // places from one row of windows to the next; windows in a row
  ptrdiff_t outputs;           // floats from one output channel to the next
} ck_direct;

// What is done to the results, as ck_finish_tile does it.
typedef struct {
  const float *bias;
  const float *residual;
  ck_activation function;
  float a, b;
  float low, high;  // bounds of the result, for what only bounds it
} ck_epilogue;

// Rows of `width` results, `row` apart in x and `width` apart in y.
void ck_finish_rows(const float *x, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t row, float *y,
                    float bias, const float *residual, ck_activation function, float a, float b);

// Output channels in a block of packed weights: [block, term, CK_DIRECT_MAPS].
#define CK_DIRECT_MAPS 6

// Floats by which a tile is longer than its places. The image is read up to 15 floats past the last
// factor of the last place.
#define CK_DIRECT_SLACK 64

// Places first..<first + count of `maps` output channels. x is at place 0, y, bias and residual at
// the first channel. `tile` has room for CK_DIRECT_MAPS * (count + CK_DIRECT_SLACK) floats.
void ck_convolve_places(const ck_direct *shape, const float *packed, ptrdiff_t maps,
                        const float *x, ptrdiff_t first, ptrdiff_t count, float *tile, float *y,
                        const ck_epilogue *epilogue);

// The same for one output channel, with weights as they come.
void ck_convolve_depthwise(const ck_direct *shape, const float *weights, const float *x,
                           ptrdiff_t first, ptrdiff_t count, float *tile, float *y,
                           const ck_epilogue *epilogue);

// One channel of a convolution in two dimensions with a kernel of 3 x 3, dilation 1, strides of 1 or
// 2 and results bounded by low and high. `scratch` has room for as many floats as the other function
// says; they are 0 before the first channel, and may be used for the next one as they are left.
void ck_depthwise3(const ck_window *window, const float *x, const float *weights, float *scratch,
                   float *y, float bias, float low, float high);
ptrdiff_t ck_depthwise3_scratch(const ck_window *window);

#endif
