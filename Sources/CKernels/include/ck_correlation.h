#ifndef CK_CORRELATION_H
#define CK_CORRELATION_H

#include <stddef.h>

#pragma clang assume_nonnull begin

// The sizes of a convolution's weight gradient, the correlation of x with the gradient g of the
// results. Neighbouring windows of a row are adjacent in x, and so are their gradients in g.
typedef struct {
  ptrdiff_t images, g_image, x_image;  // number of images; floats from one to the next
  ptrdiff_t rows, g_row, x_row;        // number of rows of windows; floats from one to the next
  ptrdiff_t width;                     // windows of a row, a multiple of ck_correlation_lanes()
  ptrdiff_t g_map;                     // floats from one output channel of g to the next
} ck_correlation;

// Floats in a vector.
ptrdiff_t ck_correlation_lanes(void);

// w[m, k] += sum of g[n, m, row, q] * x[n, offsets[k] + row, q] over images, rows and q < width.
// Rows of w are `stride` floats apart.
void ck_correlate(const ck_correlation *shape, const float *g, ptrdiff_t maps, const float *x,
                  const ptrdiff_t *offsets, ptrdiff_t taps, float *w, ptrdiff_t stride);

#pragma clang assume_nonnull end

#endif
