#ifndef CK_POOLING_H
#define CK_POOLING_H

#include <stddef.h>

#include "ck_window.h"

// The number of scratch floats that the functions below need.
ptrdiff_t ck_pool_room(const ck_window *window);

// The largest element of each window of each image, or NaN if the window contains one. Up to 7
// floats past the last image are read.
void ck_max_pool(const ck_window *window, const float *x, ptrdiff_t images, float *y, float *row);

// The sum of each window divided by z_counts[oz] * y_counts[oy] * x_counts[ox]. Up to 7 floats past
// the last count are read.
void ck_average_pool(const ck_window *window, const float *x, ptrdiff_t images,
                     const float *z_counts, const float *y_counts, const float *x_counts,
                     float *y, float *row);

#endif
