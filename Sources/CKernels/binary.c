// Binary elementwise loops over float, vectorised by the compiler.
#include "ck_binary.h"

#include "dispatch.h"

// y[i] depends only on a[i] and b[i], so y may be one of them.
#define CK_LOOP(left, right, expression)                                            \
  _Pragma("clang loop vectorize(assume_safety)") for (size_t i = 0; i < n; i++) {   \
    float u = (left), v = (right);                                                  \
    y[i] = (expression);                                                            \
  }

#define CK_ROW(expression)                                  \
  if (a_step && b_step) {                                   \
    CK_LOOP(a[i], b[i], expression)                         \
  } else if (a_step) {                                      \
    const float w = *b;                                     \
    CK_LOOP(a[i], w, expression)                            \
  } else if (b_step) {                                      \
    const float w = *a;                                     \
    CK_LOOP(w, b[i], expression)                            \
  } else {                                                  \
    const float u = *a, v = *b;                             \
    const float result = (expression);                      \
    for (size_t i = 0; i < n; i++) y[i] = result;           \
  }

#define CK_BINARY(name, expression)                                                            \
  CK_VERSIONS(void, name,                                                                      \
              (const float *a, size_t a_step, const float *b, size_t b_step, float *y,         \
               size_t n), (a, a_step, b, b_step, y, n)) {                                      \
    CK_ROW(expression)                                                                         \
  }                                                                                            \
  CK_VERSIONS(void, name##_rows,                                                               \
              (const float *a, size_t a_step, size_t a_row, const float *b, size_t b_step,     \
               size_t b_row, float *y, size_t n, size_t rows),                                 \
              (a, a_step, a_row, b, b_step, b_row, y, n, rows)) {                              \
    for (size_t row = 0; row < rows; row++, a += a_row, b += b_row, y += n) {                  \
      CK_ROW(expression)                                                                       \
    }                                                                                          \
  }

CK_BINARY(ck_add, u + v)
CK_BINARY(ck_sub, u - v)
CK_BINARY(ck_mul, u *v)
CK_BINARY(ck_div, u / v)
CK_BINARY(ck_max, u > v || u != u ? u : v)
CK_BINARY(ck_min, u < v || u != u ? u : v)
CK_BINARY(ck_prelu, u < 0.0f ? u * v : u)
