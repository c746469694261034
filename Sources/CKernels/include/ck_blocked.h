#ifndef CK_BLOCKED_H
#define CK_BLOCKED_H

#include <stddef.h>

#include "ck_direct.h"

// Products whose vectors run along channels. A blocked image holds groups of ck_block_lanes()
// channels, [group, place, lane]; lanes without a channel are zero. The micro-kernel multiplies a
// few adjacent places, an element at a time, by panels of weights [channel, map], and keeps
// places × maps in registers, so no place of a small image is padded.

// Channels in a group.
ptrdiff_t ck_block_lanes(void);

// The largest number of places that are multiplied at once.
ptrdiff_t ck_block_places(void);

// Output channels in a panel of weights. The last panel has half as many if that is enough.
ptrdiff_t ck_block_maps(void);

// The number of output channels with the padding of the last panel.
ptrdiff_t ck_block_padded(ptrdiff_t maps);

// The part of an image that is blocked: rows of which `before` columns are padding, `taken` come
// from the image and `after` are padding again, after `above` and before `below` rows of zeros.
typedef struct {
  ptrdiff_t plane, step;                 // floats from one channel, and one row, to the next
  ptrdiff_t before, taken, after;
  ptrdiff_t above, rows, below;
  ptrdiff_t row;                         // places from one row of y to the next
  const ptrdiff_t *columns;              // the place of each column in its row
} ck_block_part;

// Blocks up to ck_block_lanes() channels. x points to the first element that is taken.
void ck_block_image(const ck_block_part *p, const float *x, ptrdiff_t channels, float *y);

typedef struct {
  ptrdiff_t groups, group;   // groups of input channels, and the floats from one to the next
  ptrdiff_t last;            // lanes of the last group that are read, a multiple of 4
  ptrdiff_t taps;            // elements of the kernel
  const ptrdiff_t *offsets;  // floats from a place to the factors of each element
} ck_block_sum;

// y[p, m] = sum over groups, taps and lanes of x[p] · w for `places` places, at most
// ck_block_places(), and one panel of `maps` output channels, packed as [group, tap, lane, map].
// Places of y are ck_block_maps() floats apart.
void ck_block_product(const ck_block_sum *s, const float *x, ptrdiff_t places, const float *w,
                      ptrdiff_t maps, float *y);

// Writes a panel of results, [place, map], to output channels that are `outputs` floats apart:
// element i of a channel is at place i / width * row + i % width of x, for i < count.
void ck_unblock(const float *x, ptrdiff_t row, ptrdiff_t width, ptrdiff_t count, ptrdiff_t maps,
                float *y, ptrdiff_t outputs, const ck_epilogue *e);

#endif
