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

CK_VERSIONS(void, ck_quantize_shifted,
            (const float *x, float scale, float zero, int16_t *y, size_t n),
            (x, scale, zero, y, n)) {
  for (size_t i = 0; i < n; i++) {
    float q = __builtin_roundevenf(x[i] / scale) + zero;
    q = q >= 0 ? q : 0;
    q = q <= 255 ? q : 255;
    y[i] = (int16_t)(q - zero);
  }
}

// The number of sums that stay in registers.
enum { lanes = 64 };

#define CK_BYTE_SUMS(TYPE)                                                       \
  for (size_t k = 0; k < depth; k++) {                                           \
    const TYPE *row = (const TYPE *)w + k * columns + first;                     \
    const int32_t factor = x[k];                                                 \
    for (size_t n = 0; n < own; n++) sums[n] += (uint32_t)(factor * row[n]);     \
  }

CK_STATIC_VERSIONS(void, signed_sums,
                   (const int16_t *x, size_t depth, const uint8_t *w, size_t columns, size_t first,
                    size_t own, uint32_t *sums), (x, depth, w, columns, first, own, sums)) {
  if (own == lanes) {
    own = lanes;
    CK_BYTE_SUMS(int8_t)
  } else {
    CK_BYTE_SUMS(int8_t)
  }
}

CK_STATIC_VERSIONS(void, unsigned_sums,
                   (const int16_t *x, size_t depth, const uint8_t *w, size_t columns, size_t first,
                    size_t own, uint32_t *sums), (x, depth, w, columns, first, own, sums)) {
  if (own == lanes) {
    own = lanes;
    CK_BYTE_SUMS(uint8_t)
  } else {
    CK_BYTE_SUMS(uint8_t)
  }
}

void ck_byte_product(const int16_t *x, size_t depth, const uint8_t *w, size_t columns,
                     bool is_signed, const uint8_t *zero, size_t zero_step, int32_t *y) {
  uint32_t total = 0;
  for (size_t k = 0; k < depth; k++) total += (uint32_t)x[k];
  for (size_t first = 0; first < columns; first += lanes) {
    const size_t own = columns - first < lanes ? columns - first : lanes;
    uint32_t sums[lanes] = {0};
    if (is_signed) {
      signed_sums(x, depth, w, columns, first, own, sums);
    } else {
      unsigned_sums(x, depth, w, columns, first, own, sums);
    }
    for (size_t n = 0; n < own; n++) {
      const uint8_t code = zero[(first + n) * zero_step];
      const int32_t value = is_signed ? (int8_t)code : code;
      y[first + n] = (int32_t)(sums[n] - total * (uint32_t)value);
    }
  }
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
