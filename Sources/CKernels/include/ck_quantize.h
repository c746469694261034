#ifndef CK_QUANTIZE_H
#define CK_QUANTIZE_H

#include <stddef.h>

// Steps are 0 (one value for all) or 1; y may be x.
#pragma clang assume_nonnull begin

/// y[i] = min(max(round(x[i]) + zero[i * zero_step], low), high), ties to even. NaN gives low.
void ck_quantize(const float *x, const float *zero, size_t zero_step, float low, float high,
                 float *y, size_t n);

/// y[i] = (x[i] - zero[i * zero_step]) * scale[i * scale_step]
void ck_dequantize(const float *x, const float *zero, size_t zero_step, const float *scale,
                   size_t scale_step, float *y, size_t n);

#pragma clang assume_nonnull end

#endif
