// The loops of direct.c for one instruction set. Parameters: TARGET, vectors of WIDTH floats, names
// ending in SUFFIX, at most WIDE vectors of results at a time.

#define VECTOR NAMED(vector, SUFFIX)
typedef float VECTOR __attribute__((vector_size(WIDTH * 4), aligned(4)));

// Results of MAPS channels at COUNT * WIDTH places; the sums stay in registers.
#define PRODUCT(NAME, MAPS, COUNT)                                                             \
  TARGET static void NAME(const ptrdiff_t *offsets, ptrdiff_t depth, const float *w,           \
                          const float *x, float *y, ptrdiff_t stride, int accumulate) {        \
    VECTOR sum[MAPS][COUNT];                                                                   \
    _Pragma("clang loop unroll(full)") for (int m = 0; m < MAPS; m++) {                        \
      _Pragma("clang loop unroll(full)") for (int v = 0; v < COUNT; v++) {                     \
        sum[m][v] = accumulate ? *(const VECTOR *)(y + m * stride + v * WIDTH) : (VECTOR){0};  \
      }                                                                                        \
    }                                                                                          \
    for (ptrdiff_t k = 0; k < depth; k++, w += MAPS) {                                         \
      const float *p = x + offsets[k];                                                         \
      VECTOR value[COUNT];                                                                     \
      _Pragma("clang loop unroll(full)") for (int v = 0; v < COUNT; v++) {                     \
        value[v] = *(const VECTOR *)(p + v * WIDTH);                                           \
      }                                                                                        \
      _Pragma("clang loop unroll(full)") for (int m = 0; m < MAPS; m++) {                      \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < COUNT; v++) {                   \
          sum[m][v] += w[m] * value[v];                                                        \
        }                                                                                      \
      }                                                                                        \
    }                                                                                          \
    _Pragma("clang loop unroll(full)") for (int m = 0; m < MAPS; m++) {                        \
      _Pragma("clang loop unroll(full)") for (int v = 0; v < COUNT; v++) {                     \
        *(VECTOR *)(y + m * stride + v * WIDTH) = sum[m][v];                                   \
      }                                                                                        \
    }                                                                                          \
  }

PRODUCT(NAMED(product1, SUFFIX), CK_DIRECT_MAPS, 1)
PRODUCT(NAMED(product2, SUFFIX), CK_DIRECT_MAPS, 2)
#if WIDE > 2
PRODUCT(NAMED(product3, SUFFIX), CK_DIRECT_MAPS, 3)
PRODUCT(NAMED(product4, SUFFIX), CK_DIRECT_MAPS, 4)
#endif
PRODUCT(NAMED(single1, SUFFIX), 1, 1)
PRODUCT(NAMED(single4, SUFFIX), 1, 4)
PRODUCT(NAMED(single8, SUFFIX), 1, 8)

// y[m, q] (+)= sum over k of w[k, m] * x[offsets[k] + q], for q < count rounded up to whole
// vectors.
TARGET static void NAMED(product, SUFFIX)(const ptrdiff_t *offsets, ptrdiff_t depth,
                                          const float *w, const float *x, ptrdiff_t count,
                                          float *y, ptrdiff_t stride, int accumulate) {
  ptrdiff_t q = 0;
#if WIDE > 2
  for (; count - q > 3 * WIDTH; q += 4 * WIDTH)
    NAMED(product4, SUFFIX)(offsets, depth, w, x + q, y + q, stride, accumulate);
  if (count - q > 2 * WIDTH) {
    NAMED(product3, SUFFIX)(offsets, depth, w, x + q, y + q, stride, accumulate);
    q += 3 * WIDTH;
  }
#endif
  for (; count - q > WIDTH; q += 2 * WIDTH)
    NAMED(product2, SUFFIX)(offsets, depth, w, x + q, y + q, stride, accumulate);
  if (count > q) NAMED(product1, SUFFIX)(offsets, depth, w, x + q, y + q, stride, accumulate);
}

// The same for one channel.
TARGET static void NAMED(single, SUFFIX)(const ptrdiff_t *offsets, ptrdiff_t depth, const float *w,
                                         const float *x, ptrdiff_t count, float *y) {
  ptrdiff_t q = 0;
  for (; count - q > 7 * WIDTH; q += 8 * WIDTH)
    NAMED(single8, SUFFIX)(offsets, depth, w, x + q, y + q, 0, 0);
  for (; count - q > 3 * WIDTH; q += 4 * WIDTH)
    NAMED(single4, SUFFIX)(offsets, depth, w, x + q, y + q, 0, 0);
  for (; q < count; q += WIDTH) NAMED(single1, SUFFIX)(offsets, depth, w, x + q, y + q, 0, 0);
}

#undef PRODUCT
#undef VECTOR
#undef TARGET
#undef WIDTH
#undef WIDE
#undef SUFFIX
