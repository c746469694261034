// Products of vectors with the rows of a matrix where they lie (see ck_panels.h).
#include "ck_panels.h"
#include "dispatch.h"

typedef float eight __attribute__((vector_size(32), aligned(4)));

// Terms of a sum that are taken at a time: those of some vectors stay in the second-level cache.
#define PIECE 4096

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

typedef struct {
  const float *x, *w;
  ptrdiff_t depth;      // from one row to the next in x and w
  ptrdiff_t vectors, rows;
  ptrdiff_t first, count;  // the terms that are taken
  const float *start;
  float *y;
  ptrdiff_t stride;
} dot_piece;

// `vectors` vectors from `n` on by `rows` rows from `m` on. The last ones are taken several times where
// there are fewer: every sum is added up in the same order.
static inline __attribute__((always_inline)) void tile(const dot_piece *p, ptrdiff_t n, ptrdiff_t m,
                                                       const int vectors, const int rows) {
  const float *x[2], *row[4];
  eight sum[2][4][2] = {0};
  UNROLL for (int v = 0; v < vectors; v++)
    x[v] = p->x + least(n + v, p->vectors - 1) * p->depth + p->first;
  UNROLL for (int i = 0; i < rows; i++)
    row[i] = p->w + least(m + i, p->rows - 1) * p->depth + p->first;
  ptrdiff_t k = 0;
  for (; k + 16 <= p->count; k += 16) {
    UNROLL for (int v = 0; v < vectors; v++) {
      UNROLL for (int i = 0; i < rows; i++) {
        sum[v][i][0] += *(const eight *)(x[v] + k) * *(const eight *)(row[i] + k);
        sum[v][i][1] += *(const eight *)(x[v] + k + 8) * *(const eight *)(row[i] + k + 8);
      }
    }
  }
  for (int v = 0; v < vectors && n + v < p->vectors; v++) {
    float *y = p->y + (n + v) * p->stride + m;
    for (int i = 0; i < rows && m + i < p->rows; i++) {
      const eight both = sum[v][i][0] + sum[v][i][1];
      float total = 0;
      for (int lane = 0; lane < 8; lane++) total += both[lane];
      for (ptrdiff_t j = k; j < p->count; j++) total += x[v][j] * row[i][j];
      if (p->first > 0) total += y[i];
      const int is_last = p->first + p->count >= p->depth;
      y[i] = is_last && p->start ? total + p->start[m + i] : total;
    }
  }
}

CK_STATIC_VERSIONS(void, dot_piece_rows, (const dot_piece *p), (p)) {
  if (p->vectors == 1) {
    for (ptrdiff_t m = 0; m < p->rows; m += 4) tile(p, 0, m, 1, 4);
    return;
  }
  for (ptrdiff_t m = 0; m < p->rows; m += 3) {
    for (ptrdiff_t n = 0; n < p->vectors; n += 2) tile(p, n, m, 2, 3);
  }
}

void ck_dot_rows(const float *x, ptrdiff_t vectors, ptrdiff_t depth, ptrdiff_t rows,
                 const float *w, const float *start, float *y, ptrdiff_t stride) {
  for (ptrdiff_t first = 0; first < depth || first == 0; first += PIECE) {
    const dot_piece p = {.x = x, .w = w, .depth = depth, .vectors = vectors, .rows = rows,
                         .first = first, .count = least(PIECE, depth - first), .start = start,
                         .y = y, .stride = stride};
    dot_piece_rows(&p);
  }
}
