// Winograd's convolution (see ck_winograd.h). The transforms are from Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks" (2016); those of F(6) interpolate at 0, ±1, ±2, ±1/2.
#include "ck_winograd.h"

#include "dispatch.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

// One-dimensional transforms. `AT(i)` reads element i; `PUT(i, x)` stores result i.

#define INPUT_2(AT, PUT)    \
  PUT(0, AT(0) - AT(2))     \
  PUT(1, AT(1) + AT(2))     \
  PUT(2, AT(2) - AT(1))     \
  PUT(3, AT(1) - AT(3))

#define INPUT_4(AT, PUT)                                              \
  {                                                                   \
    const VECTOR even = AT(4) - 4.0f * AT(2), odd = AT(3) - 4.0f * AT(1);    \
    const VECTOR near = AT(4) - AT(2), far = 2.0f * (AT(3) - AT(1));      \
    PUT(0, 4.0f * AT(0) - 5.0f * AT(2) + AT(4))                             \
    PUT(1, even + odd)                                                \
    PUT(2, even - odd)                                                \
    PUT(3, near + far)                                                \
    PUT(4, near - far)                                                \
    PUT(5, 4.0f * AT(1) - 5.0f * AT(3) + AT(5))                             \
  }

#define INPUT_6(AT, PUT)                                                                \
  {                                                                                     \
    const VECTOR even1 = AT(2) + AT(6) - 4.25f * AT(4), odd1 = AT(1) + AT(5) - 4.25f * AT(3); \
    const VECTOR even2 = AT(6) + 0.25f * AT(2) - 1.25f * AT(4);                          \
    const VECTOR odd2 = 0.5f * AT(1) - 2.5f * AT(3) + 2.0f * AT(5);                         \
    const VECTOR even3 = AT(6) + 4.0f * AT(2) - 5.0f * AT(4);                                  \
    const VECTOR odd3 = 2.0f * AT(1) - 2.5f * AT(3) + 0.5f * AT(5);                         \
    PUT(0, AT(0) - AT(6) + 5.25f * (AT(4) - AT(2)))                                     \
    PUT(1, even1 + odd1)                                                                \
    PUT(2, even1 - odd1)                                                                \
    PUT(3, even2 + odd2)                                                                \
    PUT(4, even2 - odd2)                                                                \
    PUT(5, even3 + odd3)                                                                \
    PUT(6, even3 - odd3)                                                                \
    PUT(7, AT(7) - AT(1) + 5.25f * (AT(3) - AT(5)))                                     \
  }

#define OUTPUT_2(AT, PUT)          \
  PUT(0, AT(0) + AT(1) + AT(2))    \
  PUT(1, AT(1) - AT(2) - AT(3))

#define OUTPUT_4(AT, PUT)                                           \
  {                                                                 \
    const VECTOR sum1 = AT(1) + AT(2), difference1 = AT(1) - AT(2);  \
    const VECTOR sum2 = AT(3) + AT(4), difference2 = AT(3) - AT(4);  \
    PUT(0, AT(0) + sum1 + sum2)                                     \
    PUT(1, difference1 + 2.0f * difference2)                           \
    PUT(2, sum1 + 4.0f * sum2)                                         \
    PUT(3, difference1 + 8.0f * difference2 + AT(5))                   \
  }

#define OUTPUT_6(AT, PUT)                                           \
  {                                                                 \
    const VECTOR sum1 = AT(1) + AT(2), difference1 = AT(1) - AT(2);  \
    const VECTOR sum2 = AT(3) + AT(4), difference2 = AT(3) - AT(4);  \
    const VECTOR sum3 = AT(5) + AT(6), difference3 = AT(5) - AT(6);  \
    PUT(0, AT(0) + sum1 + sum2 + sum3)                              \
    PUT(1, difference1 + 2.0f * difference2 + 0.5f * difference3)      \
    PUT(2, sum1 + 4.0f * sum2 + 0.25f * sum3)                          \
    PUT(3, difference1 + 8.0f * difference2 + 0.125f * difference3)    \
    PUT(4, sum1 + 16.0f * sum2 + 0.0625f * sum3)                       \
    PUT(5, difference1 + 32.0f * difference2 + 0.03125f * difference3 + AT(7)) \
  }

// The transform of a kernel, in double precision, because weights are transformed only once.
static const double weights2[][3] = {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}};
static const double weights4[][3] = {
    {1. / 4, 0, 0},           {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6},
    {1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}};
static const double weights6[][3] = {
    {1, 0, 0},
    {-2. / 9, -2. / 9, -2. / 9},
    {-2. / 9, 2. / 9, -2. / 9},
    {1. / 90, 1. / 45, 2. / 45},
    {1. / 90, -1. / 45, 2. / 45},
    {32. / 45, 16. / 45, 8. / 45},
    {32. / 45, -16. / 45, 8. / 45},
    {0, 0, 1}};

CK_VERSIONS(void, ck_winograd_weights, (ptrdiff_t size, const float *w, ptrdiff_t stride,
            ptrdiff_t count, float *u, ptrdiff_t step), (size, w, stride, count, u, step)) {
  const ptrdiff_t side = size + 2;
  const double(*m)[3] = size == 2 ? weights2 : size == 4 ? weights4 : weights6;
  double g[9][CK_WINOGRAD_KERNELS] = {0}, columns[3][CK_WINOGRAD_KERNELS];
  for (ptrdiff_t r = 0; r < count; r++) {
    for (int i = 0; i < 9; i++) g[i][r] = w[r * stride + i];
  }
  for (ptrdiff_t i = 0; i < side; i++) {
    for (int x = 0; x < 3; x++) {
      for (int r = 0; r < CK_WINOGRAD_KERNELS; r++)
        columns[x][r] = m[i][0] * g[x][r] + m[i][1] * g[3 + x][r] + m[i][2] * g[6 + x][r];
    }
    for (ptrdiff_t j = 0; j < side; j++, u += step) {
      float row[CK_WINOGRAD_KERNELS];
      for (int r = 0; r < CK_WINOGRAD_KERNELS; r++)
        row[r] = (float)(m[j][0] * columns[0][r] + m[j][1] * columns[1][r] + m[j][2] * columns[2][r]);
      for (ptrdiff_t r = 0; r < count; r++) u[r] = row[r];
    }
  }
}

ptrdiff_t ck_winograd_runs(const ck_winograd *s) {
  const ptrdiff_t most = ck_block_places();
  return (s->rows * s->columns + most - 1) / most;
}

ptrdiff_t ck_winograd_first(const ck_winograd *s, ptrdiff_t run) {
  return s->rows * s->columns * run / ck_winograd_runs(s);
}

#if defined(__x86_64__)
#define SUFFIX avx512
#define TARGET CK_AVX512
#define WIDTH 16
#include "winograd_template.h"

#define SUFFIX avx2
#define TARGET CK_AVX2
#define WIDTH 8
#include "winograd_template.h"
#endif

#define SUFFIX portable
#define TARGET
#define WIDTH 4
#include "winograd_template.h"

void ck_winograd_input(const ck_winograd *s, const float *x, float *v, ptrdiff_t place,
                       ptrdiff_t run) {
  CK_PER_LEVEL(input_avx512, input_avx2, input_portable)(s, x, v, place, run);
}

void ck_winograd_output(const ck_winograd *s, const float *products, ptrdiff_t maps, float *y) {
  CK_PER_LEVEL(output_avx512, output_avx2, output_portable)(s, products, maps, y);
}
