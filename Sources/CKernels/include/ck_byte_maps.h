#ifndef CK_BYTE_MAPS_H
#define CK_BYTE_MAPS_H

#include <stddef.h>
#include <stdint.h>

// Functions of 8-bit integers that note real numbers: the byte x notes ((x ^ flip) - zero) * scale,
// where flip is 128 for signed bytes, and zero is the zero point plus flip.
#pragma clang assume_nonnull begin

typedef struct {
  float scale, zero;
  uint8_t flip;
} ck_byte_code;

/// y[i] = table[x[i]]; y may be x.
void ck_byte_table(const uint8_t *x, const uint8_t *table, uint8_t *y, size_t n);

/// y[i] = ((x[i] ^ flip) - zero) * scale
void ck_bytes_to_float(const uint8_t *x, ck_byte_code code, float *y, size_t n);

/// The bytes that note x: min(max(round(x[i] / scale) + zero, 0), 255) ^ flip, ties to even. NaN gives
/// the byte of 0.
void ck_float_to_bytes(const float *x, ck_byte_code code, uint8_t *y, size_t n);

/// The sum of x[i] ^ flip.
uint64_t ck_byte_sum(const uint8_t *x, uint8_t flip, size_t n);

typedef enum { CK_PAIR_ADD, CK_PAIR_SUB, CK_PAIR_MUL, CK_PAIR_DIV } ck_pair_function;

/// The bytes that note f(a, b). The operands are 0 or 1 apart.
typedef struct {
  const uint8_t *a, *b;
  size_t a_step, b_step;
  ck_byte_code a_code, b_code, y_code;
  ck_pair_function function;
} ck_noted_pair;

/// y[i] = f(a[i], b[i]) for n elements, with the bits of the same steps in float, one after the other.
void ck_byte_pairs(const ck_noted_pair *p, uint8_t *y, size_t n);

#pragma clang assume_nonnull end

#endif
