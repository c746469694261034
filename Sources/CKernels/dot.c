// Products of a vector with the rows of a matrix where they lie (see ck_panels.h).
#include "ck_panels.h"
#include "dispatch.h"

typedef float eight __attribute__((vector_size(32), aligned(4)));

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

CK_MULTIVERSION void ck_dot_rows(const float *x, ptrdiff_t depth, ptrdiff_t rows, const float *w,
                                 const float *start, float *y) {
  for (ptrdiff_t m = 0; m < rows; m += 4) {
    // The last rows are taken several times, so that every row is summed in the same order.
    const float *row[4];
    for (int i = 0; i < 4; i++) row[i] = w + least(m + i, rows - 1) * depth;
    eight sum[4][2] = {0};
    ptrdiff_t k = 0;
    for (; k + 16 <= depth; k += 16) {
      for (int i = 0; i < 4; i++) {
        sum[i][0] += *(const eight *)(x + k) * *(const eight *)(row[i] + k);
        sum[i][1] += *(const eight *)(x + k + 8) * *(const eight *)(row[i] + k + 8);
      }
    }
    for (int i = 0; i < 4 && m + i < rows; i++) {
      const eight both = sum[i][0] + sum[i][1];
      float total = 0;
      for (int lane = 0; lane < 8; lane++) total += both[lane];
      for (ptrdiff_t j = k; j < depth; j++) total += x[j] * row[i][j];
      y[m + i] = total + (start ? start[m + i] : 0.0f);
    }
  }
}
