#ifndef CK_ROWS_H
#define CK_ROWS_H

#include <stddef.h>

// The sum of (x[i] - mean)^2 over n floats, in a fixed order of additions.
float ck_centered_squares(const float *x, size_t n, float mean);

// y[i] = (x[i] - mean) * a + b; y may be x.
void ck_affine(const float *x, float *y, size_t n, float mean, float a, float b);
// y[r, i] = x[r, i] * factors[c] + shifts[c], clipped to low...high, for `rows` rows of `plane`
// floats. The channel of row r is c = (first + r) modulo `channels`. y may be x.
void ck_channel_affine(const float *x, float *y, size_t rows, size_t plane, size_t first,
                       size_t channels, const float *factors, const float *shifts, float low,
                       float high);
// y[i] = (x[i] - mean) * factor * a[i] + b[i]; b may be NULL, y may be x.
void ck_normalize(const float *x, float *y, size_t n, float mean, float factor, const float *a,
                  const float *b);

// y[c, i] = x[c, i] / (bias + alpha * sum of x[d, i]^2 over d from c - before to c + after)^beta
// for `columns` floats of each of the `channels` rows of an image, which are `plane` floats apart.
void ck_lrn(const float *x, float *y, size_t channels, size_t plane, size_t columns, size_t before,
            size_t after, float alpha, float beta, float bias);

#endif
