#ifndef CK_CONVERT_H
#define CK_CONVERT_H

#include <stddef.h>
#include <stdint.h>

// y[i] = x[i] in another type, for i < n; to nearest, ties to even. x and y do not overlap.
// float16 and bfloat16 are passed as their bits.
#pragma clang assume_nonnull begin

void ck_half_to_float(const uint16_t *x, float *y, size_t n);
void ck_float_to_half(const float *x, uint16_t *y, size_t n);
void ck_bfloat_to_float(const uint16_t *x, float *y, size_t n);
void ck_float_to_bfloat(const float *x, uint16_t *y, size_t n);
/// Without the fraction; the least integer for what does not fit.
void ck_float_to_int32(const float *x, int32_t *y, size_t n);
void ck_double_to_int32(const double *x, int32_t *y, size_t n);
/// Without the fraction; the least integer for what does not fit.
void ck_float_to_int64(const float *x, int64_t *y, size_t n);
void ck_double_to_int64(const double *x, int64_t *y, size_t n);
/// As the above, and for what is negative that of the same bits.
void ck_float_to_uint64(const float *x, uint64_t *y, size_t n);
void ck_double_to_uint64(const double *x, uint64_t *y, size_t n);

#pragma clang assume_nonnull end

#endif
