#ifndef CK_PANELS_H
#define CK_PANELS_H

#include <stddef.h>

#include "ck_direct.h"

// Matrix products C = A · B of packed factors: A in blocks of rows, B in panels of columns. The
// micro-kernel keeps the results of one block and one panel in registers.

// Rows in a block of A, which is packed as [block, depth, rows]. The last block is padded.
ptrdiff_t ck_panel_rows(void);

// Columns in a panel of B, which is packed as [panel, depth, columns]. The last panel has half as
// many if that is enough, and is padded.
ptrdiff_t ck_panel_columns(void);

// The number of columns with the padding of the last panel.
ptrdiff_t ck_panel_padded(ptrdiff_t columns);

// The sizes of C = A · B, and the floats from one row to the next in C and in the residual. A
// residual stride of 0 repeats one row.
typedef struct {
  ptrdiff_t depth, rows, columns, stride, residual_stride;
} ck_product;

// y[m, n] = f(starts[n] + bias[m] + sum of a[m, k] · b[k, n] + residual[m, n]).
void ck_panel_product(const ck_product *p, const float *a, const float *b, float *y,
                      const ck_epilogue *e);

// The same bits for one row that is not packed:
// y[n] = f(starts[n] + sum of x[k] · b[k, n] + residual[n]).
void ck_panel_row(const float *x, ptrdiff_t depth, ptrdiff_t columns, const float *b, float *y,
                  const ck_epilogue *e);

// Products of vectors x [vectors, depth] with a matrix w [rows, depth] that is read in place:
// y[n, m] = sum of x[n, k] · w[m, k] + start[m]; start may be NULL. Rows of y are `stride` floats
// apart.
void ck_dot_rows(const float *x, ptrdiff_t vectors, ptrdiff_t depth, ptrdiff_t rows,
                 const float *w, const float *start, float *y, ptrdiff_t stride);

// Packs a row-major matrix [rows, depth], whose rows are `stride` floats apart, as one block of A.
void ck_pack_rows(const float *a, ptrdiff_t stride, ptrdiff_t depth, ptrdiff_t rows, float *packed);

// Packs windows first..<first + count of a direct convolution (see ck_direct), in rows of
// `s->width`, as panels of B. Reads only the factors of these windows; the last panel is padded
// with zeros.
void ck_pack_windows(const ck_direct *s, const float *x, ptrdiff_t first, ptrdiff_t count,
                     float *packed);

#endif
