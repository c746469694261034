#ifndef CK_SOFTMAX_H
#define CK_SOFTMAX_H

#include <stddef.h>

#pragma clang assume_nonnull begin

/// y = e^(x - max) / sum for each of `rows` contiguous rows of n elements. y may be x.
void ck_softmax(const float *x, float *y, size_t rows, size_t n);
/// y = x - max - ln sum for each row. y may be x.
void ck_log_softmax(const float *x, float *y, size_t rows, size_t n);

/// The same for `columns` adjacent columns of n elements that are `stride` apart. y may be x.
void ck_softmax_columns(const float *x, float *y, size_t n, size_t stride, size_t columns);
void ck_log_softmax_columns(const float *x, float *y, size_t n, size_t stride, size_t columns);

#pragma clang assume_nonnull end

#endif
