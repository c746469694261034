#ifndef CK_ROWS_H
#define CK_ROWS_H

#include <stddef.h>

// Reductions over n contiguous floats; the order of additions is fixed.
float ck_sum(const float *x, size_t n);
// Sum of (x[i] - mean)^2.
float ck_sum_squares(const float *x, size_t n, float mean);
// -infinity for n = 0; a NaN wins.
float ck_max(const float *x, size_t n);

// y[i] = x[i] * a + b; y may be x.
void ck_scale_shift(const float *x, float *y, size_t n, float a, float b);
// y[i] = (x[i] - mean) * factor * a[i] + b[i]; b may be NULL, y may be x.
void ck_normalize(const float *x, float *y, size_t n, float mean, float factor, const float *a,
                  const float *b);

#endif
