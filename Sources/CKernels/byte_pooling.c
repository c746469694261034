// Maxima of windows of bytes, by rows: the rows of a window become one row, padded with zeros, whose
// windows are compared.
#include <string.h>

#include "ck_pooling.h"
#include "dispatch.h"

ptrdiff_t ck_byte_pool_room(const ck_window *w) {
  const ptrdiff_t last = (w->output[2] - 1) * w->stride[2] + (w->kernel[2] - 1) * w->dilation[2];
  const ptrdiff_t end = w->pad[2] + w->input[2];
  return (last + 1 > end ? last + 1 : end);
}

static inline uint8_t larger(uint8_t a, uint8_t b) { return a > b ? a : b; }

CK_STATIC_VERSIONS(void, join_row,
                   (const uint8_t *restrict x, uint8_t flip, uint8_t *restrict row, ptrdiff_t n),
                   (x, flip, row, n)) {
  for (ptrdiff_t i = 0; i < n; i++) row[i] = larger(row[i], x[i] ^ flip);
}

#define CK_WINDOWS(STRIDE)                                                                     \
  for (ptrdiff_t o = 0; o < n; o++) y[o] = row[o * (STRIDE)];                                  \
  for (ptrdiff_t k = 1; k < kernel; k++)                                                       \
    for (ptrdiff_t o = 0; o < n; o++) y[o] = larger(y[o], row[o * (STRIDE) + k * dilation]);   \
  for (ptrdiff_t o = 0; o < n; o++) y[o] ^= flip;

CK_STATIC_VERSIONS(void, join_windows,
                   (const uint8_t *restrict row, ptrdiff_t n, ptrdiff_t stride, ptrdiff_t kernel,
                    ptrdiff_t dilation, uint8_t flip, uint8_t *restrict y),
                   (row, n, stride, kernel, dilation, flip, y)) {
  if (stride == 1) {
    CK_WINDOWS(1)
  } else if (stride == 2) {
    CK_WINDOWS(2)
  } else {
    CK_WINDOWS(stride)
  }
}

void ck_byte_max_pool(const ck_window *w, const uint8_t *x, ptrdiff_t images, uint8_t flip,
                      uint8_t *y, uint8_t *row) {
  const ptrdiff_t room = ck_byte_pool_room(w), width = w->input[2];
  const ptrdiff_t image = w->input[0] * w->input[1] * width;
  for (ptrdiff_t i = 0; i < images; i++, x += image) {
    for (ptrdiff_t oz = 0; oz < w->output[0]; oz++) {
      for (ptrdiff_t oy = 0; oy < w->output[1]; oy++, y += w->output[2]) {
        memset(row, 0, (size_t)room);
        for (ptrdiff_t kz = 0; kz < w->kernel[0]; kz++) {
          const ptrdiff_t z = oz * w->stride[0] - w->pad[0] + kz * w->dilation[0];
          if (z < 0 || z >= w->input[0]) continue;
          for (ptrdiff_t ky = 0; ky < w->kernel[1]; ky++) {
            const ptrdiff_t v = oy * w->stride[1] - w->pad[1] + ky * w->dilation[1];
            if (v < 0 || v >= w->input[1]) continue;
            join_row(x + (z * w->input[1] + v) * width, flip, row + w->pad[2], width);
          }
        }
        join_windows(row, w->output[2], w->stride[2], w->kernel[2], w->dilation[2], flip, y);
      }
    }
  }
}
