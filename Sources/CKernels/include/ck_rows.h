#ifndef CK_ROWS_H
#define CK_ROWS_H

#include <stddef.h>

// Sum of (x[i] - mean)^2 over n contiguous floats; the order of additions is fixed.
float ck_centered_squares(const float *x, size_t n, float mean);

// y[i] = (x[i] - mean) * a + b; y may be x.
void ck_affine(const float *x, float *y, size_t n, float mean, float a, float b);
// y[i] = (x[i] - mean) * factor * a[i] + b[i]; b may be NULL, y may be x.
void ck_normalize(const float *x, float *y, size_t n, float mean, float factor, const float *a,
                  const float *b);

// y[c, i] = x[c, i] / (bias + alpha * sum of x[d, i]^2 over d from c - before to c + after)^beta for
// one image of `channels` rows of `plane` floats.
void ck_lrn(const float *x, float *y, size_t channels, size_t plane, size_t before, size_t after,
            float alpha, float beta, float bias);

#endif
