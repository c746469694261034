#ifndef CK_INT8_H
#define CK_INT8_H

#include <stddef.h>
#include <stdint.h>

// Matrix products Y = A · B of 8-bit integers with exact 32-bit sums (modulo 2³²). A is packed in
// blocks of rows, B in panels of columns. One factor is unsigned and the other signed, either way
// round; ck_int8_pack_* bring other types to that form by flipping the highest bit of every byte
// (`flip` = 0x80), which moves the number and its zero point by 128. Values of the flipped type:
//
//   int8 → uint8:  code ^ 0x80 = value + 128, zero point + 128
//   uint8 → int8:  code ^ 0x80 = value - 128, zero point - 128
//
// A matrix product has unsigned activations as rows and signed weights as panels; a convolution
// with results by channel has signed weights as rows (output channels) and unsigned pixels as
// panels (columns are pixels).
//
// The depth is divided into steps of four terms, the last one padded with zeros. A panel is
// [step, column, 4] bytes. Where the pixels of an image are stored like that, with four channels of
// a pixel in adjacent bytes ([channel / 4, y, x, 4]), B needs no packing: `offsets` tells where the
// four bytes of each step begin for column 0, and those of column n are 4 · n bytes further.
//
// Instructions per 4 multiply-adds of one vector of int32: 1 (AVX-512-VNNI, AVX-VNNI), otherwise
// 4 (16-bit multiplications, which do not saturate).

/// The largest number of rows in a block of A.
ptrdiff_t ck_int8_rows(void);

/// The number of rows in each block of a matrix of `rows` rows; the last block may have fewer. It
/// is a multiple of 4 if there is more than one block.
ptrdiff_t ck_int8_block(ptrdiff_t rows);

/// Bytes of packed A per row and step: 4, or 8 where bytes are widened for 16-bit multiplications.
/// Block number i of A begins at byte i · ck_int8_block(rows) · steps · ck_int8_row_bytes().
ptrdiff_t ck_int8_row_bytes(void);

/// The number of columns in a panel of B. The last panel has half as many if that is enough, and is
/// padded. Panels are contiguous: column n of a panel's first column begins at byte n · steps · 4.
ptrdiff_t ck_int8_columns(void);

/// The number of columns with the padding of the last panel.
ptrdiff_t ck_int8_padded(ptrdiff_t columns);

/// The number of steps of a depth: ⌈depth / 4⌉.
static inline ptrdiff_t ck_int8_steps(ptrdiff_t depth) { return (depth + 3) / 4; }

/// Packs rows of a matrix whose element (m, k) is at a[m · stride + k] as one block of A:
/// [step, row, 4]. `rows` is at most ck_int8_rows(). Packed bytes are `byte ^ flip`, read as int8 if
/// `is_signed`. If `sums` is not NULL, sums[m] is the sum of the packed integers of a row.
void ck_int8_pack_rows(const uint8_t *a, ptrdiff_t stride, ptrdiff_t depth, ptrdiff_t rows,
                       uint8_t flip, int is_signed, uint8_t *packed, int32_t *sums);

/// Packs columns of a matrix whose element (k, n) is at b[k · stride + n], or, if `is_transposed`,
/// at b[n · stride + k], as one panel of B, padded to ck_int8_padded(columns) columns. `columns` is
/// at most ck_int8_columns(). `is_signed` and `sums` are as for rows; sums has no padding.
void ck_int8_pack_columns(const uint8_t *b, ptrdiff_t stride, int is_transposed, ptrdiff_t depth,
                          ptrdiff_t columns, uint8_t flip, int is_signed, uint8_t *packed,
                          int32_t *sums);

typedef struct {
  ptrdiff_t rows, columns, steps;
  /// Rows of a block of A: ck_int8_block() of the whole matrix, of which `rows` may be a part that
  /// begins with a block.
  ptrdiff_t block;
  /// Elements from one row to the next in Y; bytes from four rows to the next for
  /// CK_INT8_QUADS.
  ptrdiff_t stride;
  /// NULL if B is packed. Otherwise byte offsets of the steps. The columns of the last panel are
  /// read up to ck_int8_padded(columns), so that many must exist in memory.
  const ptrdiff_t *offsets;
  /// Whether the bytes of B are signed and those of A unsigned (a matrix product) or the reverse (a
  /// convolution).
  int b_is_signed;
} ck_int8_product;

typedef enum {
  CK_INT8_SUMS,      // int32 v
  CK_INT8_FLOATS,    // float clip(v · scale + residual + bias, low, high)
  CK_INT8_UNSIGNED,  // uint8 clip(round(v · scale) + zero, low, high), halves to even
  CK_INT8_SIGNED,    // int8, the same
  // uint8, the same, with four rows in adjacent bytes: row m, column n is at byte
  // m / 4 · stride + 4 · n + m % 4. Whole groups of four rows are written; `rows` of the last block
  // is padded with unspecified numbers.
  CK_INT8_QUADS,
} ck_int8_result;

/// The last operations on the sums of products S. All pointers may be NULL and begin with the
/// first row or column of Y:
///
///   v[m, n] = S[m, n] + row[m] + column[n] + row_factor[m] · column_factor[n]
///             + second_row_factor[m] · second_column_factor[n]                   (modulo 2³²)
///   scale   = row_scale[m] · column_scale[n],  bias = row_bias[m] or column_bias[n]
///
/// With zero points zA, zB of the packed integers, Σ (a - zA) (b - zB) is S - zA · Σb - zB · Σa +
/// depth · zA · zB. So if B's zero point is 0, the weights' sums times -zA are a row or column
/// term; if it is not, Σa - depth · zA times -zB is the product of factors. For one common zA:
/// column[n] = -zA · Σb[n], row_factor[m] = zA · depth - Σa[m], column_factor[n] = zB[n].
typedef struct {
  const int32_t *row, *column;
  const int32_t *row_factor, *column_factor;
  const int32_t *second_row_factor, *second_column_factor;
  const float *row_scale, *column_scale;
  const float *row_bias, *column_bias;
  /// A matrix that is added to float results; it may be Y itself.
  const float *residual;
  ptrdiff_t residual_stride;
  /// Bounds of the result, including the zero point. They must be within the range of an integer
  /// result; Relu and Clip are narrower bounds.
  float low, high;
  /// The zero point of an integer result.
  int32_t zero;
  ck_int8_result result;
} ck_int8_epilogue;

/// Computes Y. Threads may share the work: rows from a block's first row on and columns from a
/// panel's first column on are a product of their own.
void ck_int8_multiply(const ck_int8_product *p, const uint8_t *a, const uint8_t *b, void *y,
                      const ck_int8_epilogue *e);

/// Extends the range *low...*high to these numbers. NaN is ignored.
void ck_int8_range(const float *x, ptrdiff_t n, float *low, float *high);

/// y[i] = clip(round(x[i] / scale) + zero, 0, 255), halves to even. NaN gives 0.
void ck_int8_quantize(const float *x, ptrdiff_t n, float scale, float zero, uint8_t *y);

#endif
