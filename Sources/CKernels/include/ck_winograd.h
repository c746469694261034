#ifndef CK_WINOGRAD_H
#define CK_WINOGRAD_H

#include <stddef.h>

#include "ck_direct.h"

// Winograd's convolution F(m x m, 3 x 3), stride 1: a tile of m x m results takes (m + 2)^2
// products per channel instead of 9 m^2. Tiles are numbered row by row.
typedef struct {
  ptrdiff_t size;                 // m: 2, 4 or 6
  ptrdiff_t height, width;        // size of the image
  ptrdiff_t pad_y, pad_x;         // padding before its first row and column
  ptrdiff_t out_height, out_width;
  ptrdiff_t row;                  // tiles in a row
} ck_winograd;

// The largest number of tiles in one call.
#define CK_WINOGRAD_TILES 64

// Transforms `rows` kernels of 3 x 3, at most 8, that are `stride` floats apart. u holds, for each
// of the (m + 2)^2 places, one number per kernel; places are `step` floats apart.
void ck_winograd_weights(ptrdiff_t size, const float *w, ptrdiff_t stride, ptrdiff_t rows, float *u,
                         ptrdiff_t step);

// Transforms tiles first..<first + count of channels c..<end of the image x into panels of columns
// (see ck_panels.h): one matrix [channels, count] for each of the (m + 2)^2 places, which are
// `place` floats apart.
void ck_winograd_input(const ck_winograd *s, const float *x, ptrdiff_t channels, ptrdiff_t c,
                       ptrdiff_t end, ptrdiff_t first, ptrdiff_t count, float *v,
                       ptrdiff_t place);

// Transforms products [place, maps, padded count] back into the results of output channels. y, bias
// and residual point to the first one.
void ck_winograd_output(const ck_winograd *s, const float *products, ptrdiff_t maps,
                        ptrdiff_t first, ptrdiff_t count, float *y, const ck_epilogue *e);

#endif
