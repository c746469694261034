#ifndef CK_OUTER_H
#define CK_OUTER_H

#include <stddef.h>

#pragma clang assume_nonnull begin

// Sums of outer products over places: for weight gradients, the windows of images, or the steps of
// sequences. Places are images × rows × columns; x is read in place.
typedef struct {
  ptrdiff_t images, x_image;    // number of images; elements of x from one to the next
  ptrdiff_t rows, x_row;        // number of rows; elements of x from one to the next
  ptrdiff_t columns, x_column;  // number of columns; elements of x from one to the next
} ck_places;

// Elements of 4 or 8 bytes in a vector: the columns of results are filled up to whole vectors.
ptrdiff_t ck_outer_lanes(size_t size);

// Packs g for ck_outer: `count` places, those from `first` on of `places`. Elements of g are `step`
// apart in the direction of columns, and `next` from one place to the next. All places take
// places * columns elements, columns filled up with 0.
void ck_outer_pack_f32(const float *g, ptrdiff_t step, ptrdiff_t next, ptrdiff_t columns,
                       ptrdiff_t first, ptrdiff_t count, ptrdiff_t places, float *packed);
void ck_outer_pack_f64(const double *g, ptrdiff_t step, ptrdiff_t next, ptrdiff_t columns,
                       ptrdiff_t first, ptrdiff_t count, ptrdiff_t places, double *packed);

// w[k, m] += sum of x[offsets[k] + p] * g[m, p] over places p, for k < taps and m < columns. Rows of
// w are `stride` elements apart, at least the columns filled up.
void ck_outer_f32(const ck_places *places, const float *packed, ptrdiff_t columns, const float *x,
                  const ptrdiff_t *offsets, ptrdiff_t taps, float *w, ptrdiff_t stride);
void ck_outer_f64(const ck_places *places, const double *packed, ptrdiff_t columns,
                  const double *x, const ptrdiff_t *offsets, ptrdiff_t taps, double *w,
                  ptrdiff_t stride);

#pragma clang assume_nonnull end

#endif
