#ifndef CK_POOLING_H
#define CK_POOLING_H

#include <stddef.h>
#include <stdint.h>

#include "ck_window.h"

// The number of scratch floats that the functions below need.
ptrdiff_t ck_pool_room(const ck_window *window);

// The largest element of each window of each image, or NaN if the window contains one. Up to 7
// floats past the last image are read.
void ck_max_pool(const ck_window *window, const float *x, ptrdiff_t images, float *y, float *row);

// The number of scratch bytes that ck_byte_max_pool needs.
ptrdiff_t ck_byte_pool_room(const ck_window *window);

// The byte of each window of each image that is largest once flipped: signed bytes have flip 128. A window
// without elements gives the least.
void ck_byte_max_pool(const ck_window *window, const uint8_t *x, ptrdiff_t images, uint8_t flip,
                      uint8_t *y, uint8_t *row);

// The sum of each window divided by z_counts[oz] * y_counts[oy] * x_counts[ox]. Up to 7 floats past
// the last count are read.
void ck_average_pool(const ck_window *window, const float *x, ptrdiff_t images,
                     const float *z_counts, const float *y_counts, const float *x_counts,
                     float *y, float *row);

#endif
