#ifndef CK_WINOGRAD_H
#define CK_WINOGRAD_H

#include <stddef.h>

#include "ck_direct.h"

// Winograd's convolution F(m x m, 3 x 3), stride 1: a tile of m x m results takes (m + 2)^2 products
// a channel instead of 9 m^2. The tiles of an image are counted row by row.
typedef struct {
  ptrdiff_t size;                 // m: 2, 4 or 6
  ptrdiff_t height, width;        // of the image
  ptrdiff_t pad_y, pad_x;         // before its first row and column
  ptrdiff_t out_height, out_width;
  ptrdiff_t row;                  // tiles in a row
} ck_winograd;

// The most tiles that one call takes.
#define CK_WINOGRAD_TILES 64

// Transforms `rows` kernels of 3 x 3, at most 8, `stride` floats apart: for each of the (m + 2)^2
// places one number of each kernel, `step` floats from one place to the next.
void ck_winograd_weights(ptrdiff_t size, const float *w, ptrdiff_t stride, ptrdiff_t rows, float *u,
                         ptrdiff_t step);

// Transforms tiles first..<first + count of channels c..<end of the image x to panels of columns
// (see ck_panels.h), one matrix [channels, count] for each of the (m + 2)^2 places, `place` floats
// from one to the next.
void ck_winograd_input(const ck_winograd *s, const float *x, ptrdiff_t channels, ptrdiff_t c,
                       ptrdiff_t end, ptrdiff_t first, ptrdiff_t count, float *v,
                       ptrdiff_t place);

// Brings products [place, maps, count padded] back to results of output channels; y, bias and
// residual are at the first one.
void ck_winograd_output(const ck_winograd *s, const float *products, ptrdiff_t maps,
                        ptrdiff_t first, ptrdiff_t count, float *y, const ck_epilogue *e);

#endif
