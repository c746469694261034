#ifndef CK_BYTES_H
#define CK_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// y[i] = (x[i] - zero) * scale for n unsigned integers of 2, 4 or 8 bits, packed from the lowest bits
/// of each byte on.
void ck_unpack(const uint8_t *x, int bits, float zero, float scale, float *y, size_t n);

/// y[i] = min(max(round(x[i] / scale) + zero, 0), 255) - zero, ties to even, for a zero from 0 to 255.
/// NaN gives -zero.
void ck_quantize_shifted(const float *x, float scale, float zero, int16_t *y, size_t n);

/// y[n] = sum of x[k] · (w[k, n] - zero[n * zero_step]), modulo 2³², for bytes w [depth, columns] that
/// are signed or not.
void ck_byte_product(const int16_t *x, size_t depth, const uint8_t *w, size_t columns,
                     bool is_signed, const uint8_t *zero, size_t zero_step, int32_t *y);

/// The elements of two quantised tensors, `step` 0 or 1 apart, and of the quantised result.
typedef struct {
  const uint8_t *a, *b;
  size_t a_step, b_step;
  uint8_t *y;
  size_t count;
  bool is_signed;
  int32_t a_zero, b_zero, y_zero;
  /// The scales of a and b over that of y.
  float a_ratio, b_ratio;
  /// The product of the scales of a and b over that of y.
  float ratio;
} ck_byte_pair;

/// y = saturate(round(a_ratio · (a - a_zero) + b_ratio · (b - b_zero) + y_zero)), ties to even, with the
/// zero points multiplied out.
void ck_byte_add(const ck_byte_pair *p);

/// y = saturate(round(ratio · (a - a_zero) · (b - b_zero) + y_zero)), ties to even.
void ck_byte_mul(const ck_byte_pair *p);

#pragma clang assume_nonnull end

#endif
