#ifndef CK_BYTES_H
#define CK_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// y[i] = (x[i] - zero) * scale for n unsigned integers of 2, 4 or 8 bits, packed from the lowest bits
/// of each byte on.
void ck_unpack(const uint8_t *x, int bits, float zero, float scale, float *y, size_t n);

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
