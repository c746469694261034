#ifndef CK_NIBBLES_H
#define CK_NIBBLES_H

#include <stddef.h>
#include <stdint.h>

// Rows of 4-bit integers in blocks of `block` terms, a multiple of 32, that share a scale and a zero
// point. A byte holds two integers, the first in its low bits.
#pragma clang assume_nonnull begin

typedef struct {
  const uint8_t *codes;
  const float *scales;
  /// Zero points in float, or packed as the integers are; both are null if all are 8.
  const float *_Nullable zeros;
  const uint8_t *_Nullable packed_zeros;
  size_t blocks, block;
} ck_nibbles;

/// Writes each 32 terms of a vector as those of even index, then those of odd index; terms beyond `depth`
/// are 0.
void ck_part_nibbles(const float *x, size_t depth, size_t padded, float *y);

/// Writes the numbers of a row in that order.
void ck_unpack_nibbles(const ck_nibbles *p, size_t row, float *y);

/// The products of a vector in that order with `rows` rows from `row` on, each with the bits of
/// ck_dot_rows for the numbers of ck_unpack_nibbles.
void ck_dot_nibbles(const ck_nibbles *p, const float *x, size_t row, size_t rows,
                    const float *_Nullable start, float *y);

#pragma clang assume_nonnull end

#endif
