#ifndef CK_TRANSPOSE_H
#define CK_TRANSPOSE_H

#include <stddef.h>

// y[i * y_step + j] = x[i + j * x_step] for i < rows, j < columns; elements of 1, 2, 4 or 8 bytes,
// steps in elements.
void ck_transpose(
    const void *x, ptrdiff_t x_step, void *y, ptrdiff_t y_step, size_t rows, size_t columns,
    size_t size);

#endif
