#ifndef CK_BINARY_H
#define CK_BINARY_H

#include <stddef.h>

// y[i] = f(a[i * a_step], b[i * b_step]) for i < n. A step is 0 (one value for all) or 1. y may be
// an operand with step 1. `ck_max` and `ck_min` return NaN if either operand is NaN.
#pragma clang assume_nonnull begin

void ck_add(const float *a, size_t a_step, const float *b, size_t b_step, float *y, size_t n);
void ck_sub(const float *a, size_t a_step, const float *b, size_t b_step, float *y, size_t n);
void ck_mul(const float *a, size_t a_step, const float *b, size_t b_step, float *y, size_t n);
void ck_div(const float *a, size_t a_step, const float *b, size_t b_step, float *y, size_t n);
void ck_max(const float *a, size_t a_step, const float *b, size_t b_step, float *y, size_t n);
void ck_min(const float *a, size_t a_step, const float *b, size_t b_step, float *y, size_t n);
/// a where a >= 0, else a b
void ck_prelu(const float *a, size_t a_step, const float *b, size_t b_step, float *y, size_t n);

// The same for `rows` rows of n elements. The rows of y lie one behind the other, those of a and b
// begin `a_row` and `b_row` elements apart.
void ck_add_rows(const float *a, size_t a_step, size_t a_row, const float *b, size_t b_step,
                 size_t b_row, float *y, size_t n, size_t rows);
void ck_sub_rows(const float *a, size_t a_step, size_t a_row, const float *b, size_t b_step,
                 size_t b_row, float *y, size_t n, size_t rows);
void ck_mul_rows(const float *a, size_t a_step, size_t a_row, const float *b, size_t b_step,
                 size_t b_row, float *y, size_t n, size_t rows);
void ck_div_rows(const float *a, size_t a_step, size_t a_row, const float *b, size_t b_step,
                 size_t b_row, float *y, size_t n, size_t rows);
void ck_max_rows(const float *a, size_t a_step, size_t a_row, const float *b, size_t b_step,
                 size_t b_row, float *y, size_t n, size_t rows);
void ck_min_rows(const float *a, size_t a_step, size_t a_row, const float *b, size_t b_step,
                 size_t b_row, float *y, size_t n, size_t rows);
void ck_prelu_rows(const float *a, size_t a_step, size_t a_row, const float *b, size_t b_step,
                   size_t b_row, float *y, size_t n, size_t rows);

#pragma clang assume_nonnull end

#endif
