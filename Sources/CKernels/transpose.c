#include "CKernels.h"

#include <string.h>

// Transposes N × N elements in registers, 16 bytes per row, by interleaving row k with row k + N/2
// log2(N) times.
#define LO2(a, b) __builtin_shufflevector(a, b, 0, 2)
#define HI2(a, b) __builtin_shufflevector(a, b, 1, 3)
#define LO4(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HI4(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define LO8(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HI8(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define LO16(a, b) \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HI16(a, b) \
  __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

#define DEFINE_TRANSPOSE(T, N)                                                                  \
  static inline void square_##N(const T *x, ptrdiff_t xs, T *y, ptrdiff_t ys) {                 \
    typedef T V __attribute__((vector_size(16)));                                               \
    V r[N], t[N];                                                                               \
    for (int k = 0; k < N; k++) memcpy(&r[k], x + k * xs, 16);                                  \
    for (int round = 1; round < N; round *= 2) {                                                \
      for (int k = 0; k < N / 2; k++) {                                                         \
        t[2 * k] = LO##N(r[k], r[k + N / 2]);                                                   \
        t[2 * k + 1] = HI##N(r[k], r[k + N / 2]);                                               \
      }                                                                                         \
      for (int k = 0; k < N; k++) r[k] = t[k];                                                  \
    }                                                                                           \
    for (int k = 0; k < N; k++) memcpy(y + k * ys, &r[k], 16);                                  \
  }                                                                                             \
  static void transpose_##N(                                                                    \
      const T *x, ptrdiff_t xs, T *y, ptrdiff_t ys, size_t rows, size_t columns) {              \
    size_t m = rows / N * N, n = columns / N * N;                                               \
    /* Two adjacent squares, to write more of each cache line of y at a time. */        \
    for (size_t j = 0; j < n; j += 2 * N) {                                                     \
      for (size_t i = 0; i < m; i += N) {                                                       \
        square_##N(x + i + (ptrdiff_t)j * xs, xs, y + (ptrdiff_t)i * ys + j, ys);               \
        if (j + N < n)                                                                          \
          square_##N(x + i + (ptrdiff_t)(j + N) * xs, xs, y + (ptrdiff_t)i * ys + j + N, ys);   \
      }                                                                                         \
    }                                                                                           \
    for (size_t i = 0; i < rows; i++)                                                           \
      for (size_t j = i < m ? n : 0; j < columns; j++)                                          \
        y[(ptrdiff_t)i * ys + j] = x[i + (ptrdiff_t)j * xs];                                    \
  }

DEFINE_TRANSPOSE(uint8_t, 16)
DEFINE_TRANSPOSE(uint16_t, 8)
DEFINE_TRANSPOSE(uint32_t, 4)
DEFINE_TRANSPOSE(uint64_t, 2)

void ck_transpose(
    const void *x, ptrdiff_t x_step, void *y, ptrdiff_t y_step, size_t rows, size_t columns,
    size_t size) {
  switch (size) {
    case 1: transpose_16(x, x_step, y, y_step, rows, columns); break;
    case 2: transpose_8(x, x_step, y, y_step, rows, columns); break;
    case 4: transpose_4(x, x_step, y, y_step, rows, columns); break;
    case 8: transpose_2(x, x_step, y, y_step, rows, columns); break;
  }
}
