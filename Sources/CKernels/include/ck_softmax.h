#ifndef CK_SOFTMAX_H
#define CK_SOFTMAX_H

#include <stddef.h>

#pragma clang assume_nonnull begin

/// Of each of `rows` contiguous rows of n: y = e^(x - max) / sum. y may be x.
void ck_softmax(const float *x, float *y, size_t rows, size_t n);
/// Of each row: y = x - max - ln sum. y may be x.
void ck_log_softmax(const float *x, float *y, size_t rows, size_t n);

/// Of each of `columns` adjacent columns of n elements, `stride` apart. y may be x.
void ck_softmax_columns(const float *x, float *y, size_t n, size_t stride, size_t columns);
void ck_log_softmax_columns(const float *x, float *y, size_t n, size_t stride, size_t columns);

#pragma clang assume_nonnull end

#endif
