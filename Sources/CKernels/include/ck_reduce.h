#ifndef CK_REDUCE_H
#define CK_REDUCE_H

#include <stddef.h>

#pragma clang assume_nonnull begin

// Reductions of n floats. Blocks are summed in float, the sums of the blocks in double.
double ck_reduce_sum(const float *x, size_t n);
double ck_reduce_sum_abs(const float *x, size_t n);
double ck_reduce_sum_squares(const float *x, size_t n);
/// The largest of the elements and `start`, or NaN if an element is NaN.
float ck_reduce_max(const float *x, size_t n, float start);
/// The smallest of the elements and `start`, or NaN if an element is NaN.
float ck_reduce_min(const float *x, size_t n, float start);
/// y[i] = e^(x[i] - shift); returns their sum. y may be x.
double ck_exp_sum(const float *x, float *y, size_t n, float shift);

// Reductions over `rows` rows of n floats, `stride` apart, into y[i], which holds the result so
// far.
void ck_reduce_sum_rows(const float *x, size_t stride, size_t rows, double *y, size_t n);
void ck_reduce_sum_abs_rows(const float *x, size_t stride, size_t rows, double *y, size_t n);
void ck_reduce_sum_squares_rows(const float *x, size_t stride, size_t rows, double *y, size_t n);
void ck_reduce_max_rows(const float *x, size_t stride, size_t rows, float *y, size_t n);
void ck_reduce_min_rows(const float *x, size_t stride, size_t rows, float *y, size_t n);

#pragma clang assume_nonnull end

#endif
