// Products of packed matrices (see ck_panels.h).
#include "ck_panels.h"

#include "ck_transpose.h"
#include "dispatch.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

// Terms of a sum per pass, few enough for those of a panel to stay in the first-level cache.
#define DEPTH 256
// The number of terms up to which the results, not the factors, take the time. Blocks of rows are then
// written one after the other, because memory takes few rows at a time well.
#define SHALLOW 64
// The size of a block of A, which stays in the second-level cache for all panels.
#define GROUP_BYTES 131072

#if defined(__x86_64__)
#define SUFFIX avx512
#define TARGET __attribute__((target("arch=x86-64-v4")))
#define WIDTH 16
#define ROWS 8
#include "panels_template.h"

#define SUFFIX avx2
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define WIDTH 8
#define ROWS 6
#include "panels_template.h"
#endif

#define SUFFIX portable
#define TARGET
#define WIDTH 4
#if defined(__aarch64__)
#define ROWS 8
#else
#define ROWS 6
#endif
#include "panels_template.h"

#if defined(__aarch64__)
ptrdiff_t ck_panel_rows(void) { return 8; }
#else
ptrdiff_t ck_panel_rows(void) { return CK_PER_LEVEL(8, 6, 6); }
#endif

ptrdiff_t ck_panel_columns(void) { return CK_PER_LEVEL(32, 16, 8); }

ptrdiff_t ck_panel_padded(ptrdiff_t columns) {
  const ptrdiff_t half = ck_panel_columns() / 2;
  return (columns + half - 1) / half * half;
}

void ck_panel_product(const ck_product *p, const float *a, const float *b, float *y,
                      const ck_epilogue *e) {
  CK_PER_LEVEL(product_avx512, product_avx2, product_portable)(p, a, b, y, e);
  if (e->function > CK_ACTIVATION_CLIP)
    ck_finish_tile(y, p->rows, p->columns, p->stride, NULL, NULL, e->function, e->a, e->b);
}

void ck_panel_row(const float *x, ptrdiff_t depth, ptrdiff_t columns, const float *b, float *y,
                  const ck_epilogue *e) {
  CK_PER_LEVEL(row_avx512, row_avx2, row_portable)(x, depth, columns, b, y, e);
  if (e->function > CK_ACTIVATION_CLIP)
    ck_finish_tile(y, 1, columns, columns, NULL, NULL, e->function, e->a, e->b);
}

void ck_pack_rows(const float *a, ptrdiff_t stride, ptrdiff_t depth, ptrdiff_t rows,
                  float *packed) {
  const ptrdiff_t block = ck_panel_rows();
  if (rows == block) {
    ck_transpose(a, stride, packed, block, (size_t)depth, (size_t)rows, sizeof(float));
    return;
  }
  for (ptrdiff_t k = 0; k < depth; k++, packed += block) {
    for (ptrdiff_t m = 0; m < block; m++) packed[m] = m < rows ? a[m * stride + k] : 0;
  }
}

// Adjacent windows of a panel.
typedef struct {
  const float *x;
  float *y;
  ptrdiff_t count;
} run;

// Copies a few floats without calling memcpy and without reading past the end.
static inline __attribute__((always_inline)) void copy(const float *restrict x, float *restrict y,
                                                       ptrdiff_t n) {
  typedef float four __attribute__((vector_size(16), aligned(4)));
  if (n >= 4) {
    for (ptrdiff_t i = 0; i < n - 4; i += 4) *(four *)(y + i) = *(const four *)(x + i);
    *(four *)(y + n - 4) = *(const four *)(x + n - 4);
  } else {
    for (ptrdiff_t i = 0; i < n; i++) y[i] = x[i];
  }
}

static inline __attribute__((always_inline)) void copy_runs(const ptrdiff_t *offsets,
                                                            ptrdiff_t depth, const run *runs,
                                                            int count, ptrdiff_t width) {
  for (ptrdiff_t k = 0; k < depth; k++) {
    for (int r = 0; r < count; r++)
      copy(runs[r].x + offsets[k], runs[r].y + k * width, runs[r].count);
  }
}

CK_STATIC_VERSIONS(void, pack_panel,
                   (const ptrdiff_t *offsets, ptrdiff_t depth, const run *runs, int count,
                    ptrdiff_t width), (offsets, depth, runs, count, width)) {
  if (count > 1 || runs->count < width) {
    copy_runs(offsets, depth, runs, count, width);
    return;
  }
  const run whole = {runs->x, runs->y, width};
  switch (width) {
    case 8: copy_runs(offsets, depth, &(run){whole.x, whole.y, 8}, 1, 8); break;
    case 16: copy_runs(offsets, depth, &(run){whole.x, whole.y, 16}, 1, 16); break;
    case 32: copy_runs(offsets, depth, &(run){whole.x, whole.y, 32}, 1, 32); break;
    default: copy_runs(offsets, depth, &whole, 1, width);
  }
}

void ck_pack_windows(const ck_direct *s, const float *x, ptrdiff_t first, ptrdiff_t count,
                     float *packed) {
  const ptrdiff_t columns = ck_panel_columns();
  while (count > 0) {
    run runs[32];
    int n = 0;
    const ptrdiff_t width = count > columns / 2 ? columns : columns / 2;
    const ptrdiff_t taken = least(width, count);
    for (ptrdiff_t lane = 0; lane < taken; n++) {
      const ptrdiff_t oy = first / s->width, ox = first % s->width;
      const ptrdiff_t length =
          s->row == s->width ? taken - lane : least(taken - lane, s->width - ox);
      runs[n] = (run){x + oy * s->row + ox, packed + lane, length};
      lane += length;
      first += length;
    }
    for (ptrdiff_t k = 0; k < s->depth && taken < width; k++)
      for (ptrdiff_t lane = taken; lane < width; lane++) packed[k * width + lane] = 0;
    pack_panel(s->offsets, s->depth, runs, n, width);
    count -= taken;
    packed += s->depth * width;
  }
}
