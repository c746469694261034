#ifndef CK_BFLOAT16_H
#define CK_BFLOAT16_H

#include <stddef.h>
#include <stdint.h>

#include "ck_panels.h"
#include "ck_recurrent.h"

#pragma clang assume_nonnull begin

// Products of float32 matrices whose factors are rounded to bfloat16 and whose sums are float32
// (AVX-512-BF16). Two neighbouring terms of a sum make a word of 4 bytes, the first one in its lower
// half, so that packed matrices are those of ck_panels.h and ck_recurrent.h with words for floats and
// half the depth. A last word may have 0 in its upper half.

// Whether this CPU has the instructions, and AVX-512 is not ruled out. If not, the functions below do
// nothing.
int ck_has_bfloat16(void);

// Words of a sum of `depth` terms.
static inline ptrdiff_t ck_bfloat16_words(ptrdiff_t depth) { return (depth + 1) / 2; }

// Rounds a row-major matrix [rows, depth], whose rows are `stride` floats apart, as one block of A
// with ck_panel_rows() rows.
void ck_bfloat16_rows(const float *a, ptrdiff_t stride, ptrdiff_t depth, ptrdiff_t rows,
                      uint32_t *words);

// Rounds the panels of all columns (ck_panel_columns()) in place. The words follow each other without
// a gap, panel by panel.
void ck_bfloat16_panels(float *panels, ptrdiff_t depth, ptrdiff_t columns);

// ck_panel_product of words; the depth of `p` is that of the words.
void ck_bfloat16_product(const ck_product *p, const uint32_t *a, const uint32_t *b, float *y,
                         const ck_epilogue *e);

// ck_product_f32 of words: `depth` is the number of floats in a row of x, which is rounded here.
void ck_bfloat16_recurrent(const uint32_t *packed, size_t depth, size_t units, size_t gates,
                           size_t stride, const ck_row *rows, size_t count, int backwards);

#pragma clang assume_nonnull end

#endif
