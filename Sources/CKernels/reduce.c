// Reductions of floats. Each keeps `lanes` independent results, so that the compiler can vectorise
// them and additions do not wait for each other.
#include "ck_reduce.h"

#include <math.h>

#include "ck_elementwise.h"
#include "dispatch.h"

enum { lanes = 32, block = 1024 };

typedef float vec __attribute__((ext_vector_type(lanes)));
typedef float loose __attribute__((ext_vector_type(lanes), aligned(4)));
typedef int mask __attribute__((ext_vector_type(lanes)));

#define LOAD(address) (*(const loose *)(address))

#define CK_SUM(name, vector, scalar)                                    \
  CK_VERSIONS(double, name, (const float *x, size_t n), (x, n)) {       \
    double total = 0;                                                   \
    size_t i = 0;                                                       \
    while (i + lanes <= n) {                                            \
      size_t end = n - i < block ? n : i + block;                       \
      vec sum = 0;                                                      \
      for (; i + lanes <= end; i += lanes) {                            \
        vec v = LOAD(x + i);                                            \
        sum += (vector);                                                \
      }                                                                 \
      __auto_type quarter = sum.lo.lo + sum.lo.hi + (sum.hi.lo + sum.hi.hi); \
      __auto_type two = quarter.lo.lo + quarter.lo.hi + (quarter.hi.lo + quarter.hi.hi); \
      total += (double)two[0] + two[1];                                 \
    }                                                                   \
    for (; i < n; i++) {                                                \
      float v = x[i];                                                   \
      total += (scalar);                                                \
    }                                                                   \
    return total;                                                       \
  }

CK_SUM(ck_reduce_sum, v, v)
CK_SUM(ck_reduce_sum_abs, __builtin_elementwise_abs(v), fabsf(v))
CK_SUM(ck_reduce_sum_squares, v *v, (double)v * v)

// A NaN fails every comparison, so there is a separate check for it. The last vector may overlap
// the one before.
#define CK_EXTREME(name, operator)                                      \
  CK_VERSIONS(float, name, (const float *x, size_t n, float start), (x, n, start)) { \
    float result = start;                                               \
    int numbers = start == start;                                       \
    if (n >= lanes) {                                                   \
      vec best = start;                                                 \
      mask number = -1;                                                 \
      for (size_t i = 0; i < n; i += lanes) {                           \
        vec v = LOAD(x + (i + lanes <= n ? i : n - lanes));             \
        number &= v == v;                                               \
        best = v operator best ? v : best;                              \
      }                                                                 \
      __auto_type half = best.lo operator best.hi ? best.lo : best.hi;  \
      __auto_type eight = half.lo operator half.hi ? half.lo : half.hi; \
      __auto_type four = eight.lo operator eight.hi ? eight.lo : eight.hi; \
      __auto_type two = four.lo operator four.hi ? four.lo : four.hi;   \
      result = two.x operator two.y ? two.x : two.y;                    \
      __auto_type eights = number.lo.lo & number.lo.hi & number.hi.lo & number.hi.hi; \
      __auto_type twos = eights.lo.lo & eights.lo.hi & eights.hi.lo & eights.hi.hi; \
      numbers &= twos.x & twos.y;                                       \
    } else {                                                            \
      for (size_t i = 0; i < n; i++) {                                  \
        result = x[i] operator result ? x[i] : result;                  \
        numbers &= x[i] == x[i];                                        \
      }                                                                 \
    }                                                                   \
    return numbers ? result : NAN;                                      \
  }

CK_EXTREME(ck_reduce_max, >)
CK_EXTREME(ck_reduce_min, <)

CK_STATIC_VERSIONS(void, subtract,
                   (const float *x, float *y, size_t n, float shift), (x, y, n, shift)) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) y[i] = x[i] - shift;
}

double ck_exp_sum(const float *x, float *y, size_t n, float shift) {
  subtract(x, y, n, shift);
  ck_exp(y, y, n);
  return ck_reduce_sum(y, n);
}

// Eight rows at a time are summed in float, and these sums in double.
#define CK_SUM_ROWS(name, f)                                                                    \
  CK_VERSIONS(void, name,                                                                       \
              (const float *restrict x, size_t stride, size_t rows, double *restrict y,         \
               size_t n), (x, stride, rows, y, n)) {                                            \
    for (; rows >= 8; rows -= 8, x += 8 * stride) {                                             \
      const float *a = x, *b = a + stride, *c = b + stride, *d = c + stride;                    \
      const float *e = d + stride, *g = e + stride, *h = g + stride, *k = h + stride;           \
      for (size_t i = 0; i < n; i++) {                                                          \
        float left = (f(a[i]) + f(b[i])) + (f(c[i]) + f(d[i]));                                 \
        float right = (f(e[i]) + f(g[i])) + (f(h[i]) + f(k[i]));                                \
        y[i] += left + right;                                                                   \
      }                                                                                         \
    }                                                                                           \
    for (; rows; rows--, x += stride)                                                           \
      for (size_t i = 0; i < n; i++) y[i] += f(x[i]);                                           \
  }

#define SAME(v) (v)
#define SQUARE(v) ((v) * (v))

CK_SUM_ROWS(ck_reduce_sum_rows, SAME)
CK_SUM_ROWS(ck_reduce_sum_abs_rows, fabsf)
CK_SUM_ROWS(ck_reduce_sum_squares_rows, SQUARE)

#define CK_EXTREME_ROWS(name, operator)                                                         \
  CK_VERSIONS(void, name,                                                                       \
              (const float *restrict x, size_t stride, size_t rows, float *restrict y,          \
               size_t n), (x, stride, rows, y, n)) {                                            \
    for (; rows; rows--, x += stride)                                                           \
      for (size_t i = 0; i < n; i++) y[i] = y[i] operator x[i] || y[i] != y[i] ? y[i] : x[i];   \
  }

CK_EXTREME_ROWS(ck_reduce_max_rows, >)
CK_EXTREME_ROWS(ck_reduce_min_rows, <)
