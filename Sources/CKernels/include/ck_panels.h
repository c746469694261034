#ifndef CK_PANELS_H
#define CK_PANELS_H

#include <stddef.h>

#include "ck_direct.h"

// Matrix products C = A · B whose factors were packed before: A in blocks of rows, B in panels of
// columns. The micro-kernel keeps a block's results for a panel in registers.

// Rows of a block of A, [block, depth, rows]; what is missing from the last block is filled up.
ptrdiff_t ck_panel_rows(void);

// Columns of a panel of B, [panel, depth, columns]. The last panel has half as many where they are
// enough for what is left; what is missing is filled up.
ptrdiff_t ck_panel_columns(void);

// Columns that `columns` take in panels.
ptrdiff_t ck_panel_padded(ptrdiff_t columns);

// The sizes of C = A · B, and floats from one row to the next in C and in the residual, which a
// stride of 0 repeats.
typedef struct {
  ptrdiff_t depth, rows, columns, stride, residual_stride;
} ck_product;

// y[m, n] = f(sum of a[m, k] · b[k, n] + bias[m] + residual[m, n]).
void ck_panel_product(const ck_product *p, const float *a, const float *b, float *y,
                      const ck_epilogue *e);

// The same, bit for bit, for one row that is not packed: y[n] = f(sum of x[k] · b[k, n] + residual[n]).
void ck_panel_row(const float *x, ptrdiff_t depth, ptrdiff_t columns, const float *b, float *y,
                  const ck_epilogue *e);

// Products of `vectors` vectors [vectors, depth] with a matrix [rows, depth] where it lies:
// y[n, m] = sum of x[n, k] · w[m, k] + start[m], where start is given. Rows of y lie `stride` floats
// apart.
void ck_dot_rows(const float *x, ptrdiff_t vectors, ptrdiff_t depth, ptrdiff_t rows,
                 const float *w, const float *start, float *y, ptrdiff_t stride);

// Packs depth x rows of a row-major matrix [rows, depth] as one block of A.
void ck_pack_rows(const float *a, ptrdiff_t stride, ptrdiff_t depth, ptrdiff_t rows, float *packed);

// Packs the windows of a direct convolution (see ck_direct) as panels of B: windows
// first..<first + count, counted row by row of `s->width`. Reads nothing but the windows' factors;
// what is missing from the last panel becomes 0.
void ck_pack_windows(const ck_direct *s, const float *x, ptrdiff_t first, ptrdiff_t count,
                     float *packed);

#endif
