// Products of vectors with the rows of a matrix that is read in place (see ck_panels.h).
#include "ck_panels.h"
#include "dispatch.h"

typedef float eight __attribute__((vector_size(32), aligned(4)));
typedef float sixteen __attribute__((vector_size(64), aligned(4)));

// Terms that are summed before their sum is added to the result, few enough for those of a tile to
// stay in the first-level cache.
#define PIECE 1024

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

// Vectors [vectors, depth] and rows [rows, depth].
typedef struct {
  const float *x, *w;
  ptrdiff_t depth, vectors, rows;
  const float *start;
  float *y;
  ptrdiff_t stride;
} dots;

#if defined(__x86_64__)
#define SUFFIX avx512
#define TARGET CK_AVX512
#define VECTORS 4
#define ROWS 4
#define SINGLE 4
#include "dot_template.h"

#define SUFFIX avx2
#define TARGET CK_AVX2
#define VECTORS 2
#define ROWS 3
#define SINGLE 4
#include "dot_template.h"
#endif

#define SUFFIX portable
#define TARGET
#define VECTORS 2
#define ROWS 2
#define SINGLE 4
#include "dot_template.h"

void ck_dot_rows(const float *x, ptrdiff_t vectors, ptrdiff_t depth, ptrdiff_t rows,
                 const float *w, const float *start, float *y, ptrdiff_t stride) {
  const dots p = {.x = x, .w = w, .depth = depth, .vectors = vectors, .rows = rows, .start = start,
                  .y = y, .stride = stride};
  CK_PER_LEVEL(dot_avx512, dot_avx2, dot_portable)(&p);
}
