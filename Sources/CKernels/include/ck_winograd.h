#ifndef CK_WINOGRAD_H
#define CK_WINOGRAD_H

#include <stddef.h>

#include "ck_blocked.h"

// Winograd's convolution F(m x m, 3 x 3), stride 1: a tile of m x m results takes (m + 2)^2
// products per channel instead of 9 m^2. All vectors run along channels (see ck_blocked.h).
typedef struct {
  ptrdiff_t size;           // m: 2, 4 or 6
  ptrdiff_t rows, columns;  // tiles, numbered row by row
} ck_winograd;

// The largest number of kernels that are transformed at once.
#define CK_WINOGRAD_KERNELS 8

// Transforms `count` kernels of 3 x 3 that are `stride` floats apart. u holds, for each of the
// (m + 2)^2 places, one number per kernel; places are `step` floats apart.
void ck_winograd_weights(ptrdiff_t size, const float *w, ptrdiff_t stride, ptrdiff_t count,
                         float *u, ptrdiff_t step);

// The number of runs of at most ck_block_places() tiles, which are multiplied together; run i
// begins with tile ck_winograd_first(s, i).
ptrdiff_t ck_winograd_runs(const ck_winograd *s);
ptrdiff_t ck_winograd_first(const ck_winograd *s, ptrdiff_t run);

// Transforms a blocked group of channels x, [rows * m + 2, columns * m + 2, lane]. Results are
// [place, run, group, tile, lane] with ck_block_places() tiles in a run: v points to the group;
// places are `place` floats apart, and runs `run`.
void ck_winograd_input(const ck_winograd *s, const float *x, float *v, ptrdiff_t place,
                       ptrdiff_t run);

// Transforms products [place, tile, map] of one panel of `maps` output channels to a blocked image
// y, [rows * m, columns * m, map].
void ck_winograd_output(const ck_winograd *s, const float *products, ptrdiff_t maps, float *y);

#endif
