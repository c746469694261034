// Products of packed and of 8-bit integers.
#include "ck_bytes.h"

#include "dispatch.h"

CK_VERSIONS(void, ck_unpack,
            (const uint8_t *x, int bits, float zero, float scale, float *y, size_t n),
            (x, bits, zero, scale, y, n)) {
  if (bits == 8) {
    for (size_t i = 0; i < n; i++) y[i] = ((float)x[i] - zero) * scale;
    return;
  }
  if (bits == 4) {
    const size_t pairs = n / 2;
    for (size_t i = 0; i < pairs; i++) {
      y[2 * i] = ((float)(x[i] & 15) - zero) * scale;
      y[2 * i + 1] = ((float)(x[i] >> 4) - zero) * scale;
    }
    if (n % 2) y[n - 1] = ((float)(x[pairs] & 15) - zero) * scale;
    return;
  }
  for (size_t i = 0; i < n; i++)
    y[i] = ((float)(x[i / 4] >> i % 4 * 2 & 3) - zero) * scale;
}

// The order of roundings below is that of onnxruntime, whose results are equal.
#pragma STDC FP_CONTRACT OFF

static inline uint8_t saturated(float x, bool is_signed) {
  const float low = is_signed ? -128 : 0, high = is_signed ? 127 : 255;
  x = __builtin_roundevenf(x);
  x = x >= low ? x : low;
  x = x <= high ? x : high;
  return (uint8_t)(int32_t)x;
}

static inline int32_t byte_value(uint8_t code, bool is_signed) {
  return is_signed ? (int8_t)code : code;
}

#define CK_ADD_ROW(FIXED, TERM)                                            \
  for (size_t i = 0; i < p->count; i++) {                                  \
    float x = FIXED;                                                       \
    TERM                                                                   \
    y[i] = saturated(x, is_signed);                                        \
  }
#define CK_TERM(OPERAND, RATIO) \
  x = __builtin_fmaf((float)byte_value(OPERAND[i], is_signed), RATIO, x);

CK_STATIC_VERSIONS(void, add_row, (const ck_byte_pair *p, bool is_signed), (p, is_signed)) {
  const uint8_t *restrict a = p->a, *restrict b = p->b;
  uint8_t *restrict y = p->y;
  const float a_ratio = p->a_ratio, b_ratio = p->b_ratio;
  float fixed = (float)p->y_zero
      - __builtin_fmaf(a_ratio, (float)p->a_zero, b_ratio * (float)p->b_zero);
  if (!p->a_step) {
    fixed += (float)byte_value(*a, is_signed) * a_ratio;
    if (!p->b_step) {
      const uint8_t value = saturated(
          __builtin_fmaf((float)byte_value(*b, is_signed), b_ratio, fixed), is_signed);
      for (size_t i = 0; i < p->count; i++) y[i] = value;
      return;
    }
    CK_ADD_ROW(fixed, CK_TERM(b, b_ratio))
  } else if (!p->b_step) {
    fixed += (float)byte_value(*b, is_signed) * b_ratio;
    CK_ADD_ROW(fixed, CK_TERM(a, a_ratio))
  } else {
    CK_ADD_ROW(fixed, CK_TERM(b, b_ratio) CK_TERM(a, a_ratio))
  }
}

void ck_byte_add(const ck_byte_pair *p) {
  if (p->is_signed) {
    add_row(p, true);
  } else {
    add_row(p, false);
  }
}

CK_STATIC_VERSIONS(void, mul_row, (const ck_byte_pair *p, bool is_signed), (p, is_signed)) {
  const uint8_t *restrict a = p->a, *restrict b = p->b;
  uint8_t *restrict y = p->y;
  const size_t a_step = p->a_step, b_step = p->b_step;
  const float ratio = p->ratio, zero = (float)p->y_zero;
  const int32_t a_zero = p->a_zero, b_zero = p->b_zero;
  for (size_t i = 0; i < p->count; i++) {
    const int32_t product = (byte_value(a[i * a_step], is_signed) - a_zero)
        * (byte_value(b[i * b_step], is_signed) - b_zero);
    y[i] = saturated((float)product * ratio + zero, is_signed);
  }
}

void ck_byte_mul(const ck_byte_pair *p) {
  if (p->is_signed) {
    mul_row(p, true);
  } else {
    mul_row(p, false);
  }
}
