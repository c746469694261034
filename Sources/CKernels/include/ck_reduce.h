#ifndef CK_REDUCE_H
#define CK_REDUCE_H

#include <stddef.h>

#pragma clang assume_nonnull begin

// Of n floats. Sums are kept in blocks of floats, and the blocks' sums in double.
double ck_reduce_sum(const float *x, size_t n);
double ck_reduce_sum_abs(const float *x, size_t n);
double ck_reduce_sum_squares(const float *x, size_t n);
/// The greatest, at least `start`; a NaN where there is one.
float ck_reduce_max(const float *x, size_t n, float start);
/// The least, at most `start`; a NaN where there is one.
float ck_reduce_min(const float *x, size_t n, float start);
/// The sum of e^(x - shift), y[i] being e^(x[i] - shift); y may be x.
double ck_exp_sum(const float *x, float *y, size_t n, float shift);

// Over `rows` rows of n floats each, `stride` apart: into y[i], which holds the result so far.
void ck_reduce_sum_rows(const float *x, size_t stride, size_t rows, double *y, size_t n);
void ck_reduce_sum_abs_rows(const float *x, size_t stride, size_t rows, double *y, size_t n);
void ck_reduce_sum_squares_rows(const float *x, size_t stride, size_t rows, double *y, size_t n);
void ck_reduce_max_rows(const float *x, size_t stride, size_t rows, float *y, size_t n);
void ck_reduce_min_rows(const float *x, size_t stride, size_t rows, float *y, size_t n);

#pragma clang assume_nonnull end

#endif
