#ifndef CK_CONVERT_H
#define CK_CONVERT_H

#include <stddef.h>
#include <stdint.h>

// y[i] = x[i] in another type, for i < n, rounded to nearest, ties to even. x and y must not
// overlap. float16 and bfloat16 are passed as bit patterns.
#pragma clang assume_nonnull begin

void ck_half_to_float(const uint16_t *x, float *y, size_t n);
void ck_float_to_half(const float *x, uint16_t *y, size_t n);
void ck_bfloat_to_float(const uint16_t *x, float *y, size_t n);
void ck_float_to_bfloat(const float *x, uint16_t *y, size_t n);
/// Rounds toward zero. NaN and values out of range give the smallest integer.
void ck_float_to_int32(const float *x, int32_t *y, size_t n);
void ck_double_to_int32(const double *x, int32_t *y, size_t n);
/// Rounds toward zero. NaN and values out of range give the smallest integer.
void ck_float_to_int64(const float *x, int64_t *y, size_t n);
void ck_double_to_int64(const double *x, int64_t *y, size_t n);
/// Rounds toward zero. Negative values give the bits of their int64.
void ck_float_to_uint64(const float *x, uint64_t *y, size_t n);
void ck_double_to_uint64(const double *x, uint64_t *y, size_t n);

#pragma clang assume_nonnull end

#endif
