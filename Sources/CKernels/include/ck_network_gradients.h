#ifndef CK_NETWORK_GRADIENTS_H
#define CK_NETWORK_GRADIENTS_H

#include <stddef.h>
#include <stdint.h>

#include "ck_window.h"

// Like ck_max_pool, and also stores the place of each window's first largest element: `start` plus
// its index in the images, or -1 for an empty window. `found` has room for one output row; an image
// has fewer than 2^31 elements.
void ck_max_pool_places(const ck_window *window, const float *x, ptrdiff_t images, int64_t start,
                        float *y, int64_t *places, int32_t *found);

// The gradient of a pool with non-overlapping windows of 2 x 2 elements, over planes of
// height * width < 2^31 elements whose indices begin at `start`: writes each g to its place.
void ck_halving_gradient(const float *g, const int64_t *places, ptrdiff_t planes, ptrdiff_t height,
                         ptrdiff_t width, int64_t start, float *x);

// Sets each element of the images x to the sum, over its windows, of the window's g divided by its
// count, z_counts[oz] * y_counts[oy] * x_counts[ox]. `row` has room for one output row.
void ck_spread_windows(const ck_window *window, const float *g, ptrdiff_t images,
                       const float *z_counts, const float *y_counts, const float *x_counts,
                       float *x, float *row);

// Adds the sum of g[i] to *sum_g and the sum of g[i] * (x[i] - mean) to *sum_gx.
void ck_gradient_sums(const float *g, const float *x, size_t n, float mean, double *sum_g,
                      double *sum_gx);

// y[i] = a * g[i] + b * (x[i] - mean) + c
void ck_gradient_affine(const float *g, const float *x, float *y, size_t n, float mean, float a,
                        float b, float c);

// One row of the gradient of a normalization y = n * scale + bias, n = (x - mean) * inverse. Adds g
// * n and g to the sums of scale and bias. If y is not NULL, writes the gradient with respect to x,
// inverse * (g * scale - average(g * scale) - n * average(g * scale * n)), without the first
// average if x is not centred.
void ck_row_gradient(const float *g, const float *x, const float *scale, float *y,
                     float *scale_sums, float *bias_sums, size_t n, float mean, float inverse,
                     int is_centered);

// mask[i] = 1 where a hash of the keys and i, uniform in 0..<2^32, is at least the threshold, else
// 0. Equal keys give equal masks.
void ck_dropout_mask(uint8_t *mask, size_t n, uint32_t key0, uint32_t key1, uint32_t threshold);

// y[i] = mask[i] ? scale * x[i] : 0
void ck_dropout_apply(const float *x, const uint8_t *mask, float *y, size_t n, float scale);

#endif
