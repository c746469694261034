// Vectors of WIDTH floats for one instruction set, and the transpose of as many. Parameters:
// TARGET, WIDTH, names ending in SUFFIX.

#define VECTOR NAMED(lanes, SUFFIX)
#define MASK NAMED(lanes_mask, SUFFIX)
typedef float VECTOR __attribute__((vector_size(WIDTH * 4), aligned(4)));
typedef int MASK __attribute__((vector_size(WIDTH * 4), aligned(4)));

TARGET __attribute__((always_inline)) static inline VECTOR NAMED(choose, SUFFIX)(
    MASK mask, VECTOR a, VECTOR b) {
  return (VECTOR)((mask & (MASK)a) | (~mask & (MASK)b));
}

// The shuffles that combine quarters, each of four floats, in the order of the instructions of
// x86: those within quarters first.
#if WIDTH == 16
#define WITHIN(A, B, I, J, K, L)                                                              \
  __builtin_shufflevector(A, B, I, J, K, L, I + 4, J + 4, K + 4, L + 4, I + 8, J + 8, K + 8,  \
                          L + 8, I + 12, J + 12, K + 12, L + 12)
#define ACROSS(A, B, I, J)                                                                    \
  __builtin_shufflevector(A, B, 4 * I, 4 * I + 1, 4 * I + 2, 4 * I + 3, 4 * J, 4 * J + 1,     \
                          4 * J + 2, 4 * J + 3, 4 * I + 16, 4 * I + 17, 4 * I + 18,           \
                          4 * I + 19, 4 * J + 16, 4 * J + 17, 4 * J + 18, 4 * J + 19)
#elif WIDTH == 8
#define WITHIN(A, B, I, J, K, L) \
  __builtin_shufflevector(A, B, I, J, K, L, I + 4, J + 4, K + 4, L + 4)
#else
#define WITHIN(A, B, I, J, K, L) __builtin_shufflevector(A, B, I, J, K, L)
#endif

// Transposes WIDTH × WIDTH floats.
TARGET __attribute__((always_inline)) static inline void NAMED(transpose, SUFFIX)(VECTOR *r) {
  UNROLL for (int i = 0; i < WIDTH; i += 4) {
    const VECTOR a = WITHIN(r[i], r[i + 1], 0, WIDTH, 1, WIDTH + 1);
    const VECTOR b = WITHIN(r[i], r[i + 1], 2, WIDTH + 2, 3, WIDTH + 3);
    const VECTOR c = WITHIN(r[i + 2], r[i + 3], 0, WIDTH, 1, WIDTH + 1);
    const VECTOR d = WITHIN(r[i + 2], r[i + 3], 2, WIDTH + 2, 3, WIDTH + 3);
    r[i] = WITHIN(a, c, 0, 1, WIDTH, WIDTH + 1);
    r[i + 1] = WITHIN(a, c, 2, 3, WIDTH + 2, WIDTH + 3);
    r[i + 2] = WITHIN(b, d, 0, 1, WIDTH, WIDTH + 1);
    r[i + 3] = WITHIN(b, d, 2, 3, WIDTH + 2, WIDTH + 3);
  }
#if WIDTH == 8
  UNROLL for (int j = 0; j < 4; j++) {
    const VECTOR a = r[j], b = r[j + 4];
    r[j] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    r[j + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  }
#elif WIDTH == 16
  UNROLL for (int j = 0; j < 4; j++) {
    const VECTOR a = ACROSS(r[j], r[j + 4], 0, 1), b = ACROSS(r[j], r[j + 4], 2, 3);
    const VECTOR c = ACROSS(r[j + 8], r[j + 12], 0, 1), d = ACROSS(r[j + 8], r[j + 12], 2, 3);
    r[j] = ACROSS(a, c, 0, 2);
    r[j + 4] = ACROSS(a, c, 1, 3);
    r[j + 8] = ACROSS(b, d, 0, 2);
    r[j + 12] = ACROSS(b, d, 1, 3);
  }
#endif
}

#undef WITHIN
#undef ACROSS
