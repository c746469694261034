// Attention by products of panels (see ck_attention.h). The scores of a block of queries are
// computed transposed, as a panel with a column for each query: the softmax then runs along columns,
// in whole vectors, and the weights are the panel of the second product where they lie.
#include "ck_attention.h"

#include <math.h>
#include <string.h>

#include "ck_panels.h"
#include "ck_transpose.h"
#include "dispatch.h"

#if defined(__x86_64__)
#define SUFFIX avx512
#define TARGET __attribute__((target("arch=x86-64-v4")))
#define WIDTH 16
#include "attention_template.h"

#define SUFFIX avx2
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define WIDTH 8
#include "attention_template.h"
#endif

#define SUFFIX portable
#define TARGET
#define WIDTH 4
#include "attention_template.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

static inline ptrdiff_t blocks(ptrdiff_t rows) {
  const ptrdiff_t block = ck_panel_rows();
  return (rows + block - 1) / block * block;
}

ptrdiff_t ck_attention_block(void) { return ck_panel_columns(); }
ptrdiff_t ck_attention_few(void) { return 5; }

ptrdiff_t ck_attention_packed(const ck_attention *a) {
  return blocks(a->keys) * a->width + blocks(a->value_width) * a->keys;
}

// Queries, scores, mask and result of a block.
ptrdiff_t ck_attention_room(const ck_attention *a) {
  return ck_panel_columns() * (a->width + 2 * a->keys + a->value_width + 4);
}

// Packs rows whose columns are adjacent, or columns whose rows are adjacent, as blocks of A.
static void pack(const float *x, ptrdiff_t row, ptrdiff_t column, ptrdiff_t rows, ptrdiff_t depth,
                 float *packed) {
  const ptrdiff_t block = ck_panel_rows();
  for (ptrdiff_t m = 0; m < rows; m += block, packed += block * depth) {
    const ptrdiff_t own = least(block, rows - m);
    if (column == 1) {
      ck_pack_rows(x + m * row, row, depth, own, packed);
      continue;
    }
    for (ptrdiff_t k = 0; k < depth; k++) {
      const float *from = x + m + k * column;
      float *to = packed + k * block;
      if (own == 8) {
        memcpy(to, from, 32);
      } else {
        for (ptrdiff_t i = 0; i < block; i++) to[i] = i < own ? from[i] : 0;
      }
    }
  }
}

void ck_attention_pack(const ck_attention *a, const float *k, const float *v, float *packed) {
  pack(k, a->key_row, a->key_column, a->keys, a->width, packed);
  pack(v, 1, a->value_row, a->value_width, a->keys, packed + blocks(a->keys) * a->width);
}

void ck_attend(const ck_attention *a, const float *q, ptrdiff_t queries, const float *packed,
               const ck_visible *visible, float *y, float *scratch) {
  const ptrdiff_t columns = ck_panel_padded(queries), half = ck_panel_columns() / 2;
  float *query = scratch, *scores = query + a->width * columns;
  float *mask = scores + a->keys * columns, *result = mask + a->keys * columns;
  float *factors = result + a->value_width * columns;
  int *low = (int *)(factors + columns), *high = low + columns;
  if (queries < columns) memset(query, 0, sizeof(float) * (size_t)(a->width * columns));
  if (a->query_column == 1) {
    ck_transpose(q, a->query_row, query, columns, (size_t)a->width, (size_t)queries, sizeof(float));
  } else {
    for (ptrdiff_t c = 0; c < a->width; c++)
      memcpy(query + c * columns, q + c * a->query_column, sizeof(float) * (size_t)queries);
  }
  const ck_epilogue plain = {.low = -INFINITY, .high = INFINITY};
  const ck_product scoring = {
      .depth = a->width, .rows = a->keys, .columns = columns, .stride = columns};
  ck_panel_product(&scoring, packed, query, scores, &plain);

  const float *seen = visible->mask;
  if (seen && visible->step) {
    if (queries < columns) memset(mask, 0, sizeof(float) * (size_t)(a->keys * columns));
    ck_transpose(seen, visible->step, mask, columns, (size_t)a->keys, (size_t)queries,
                 sizeof(float));
    seen = mask;
  }
  if (visible->low) {
    for (ptrdiff_t i = 0; i < columns; i++) {
      low[i] = i < queries ? visible->low[i] : 0;
      high[i] = i < queries ? visible->high[i] : (int)a->keys;
    }
  }
  const int *first = visible->low ? low : NULL, *last = visible->low ? high : NULL;
  CK_PER_LEVEL(weights_avx512, weights_avx2, weights_portable)
  (a, scores, visible, seen, factors, first, last, columns > half ? 2 : 1);

  const ck_product mixing = {
      .depth = a->keys, .rows = a->value_width, .columns = columns, .stride = columns};
  ck_panel_product(&mixing, packed + blocks(a->keys) * a->width, scores, result, &plain);
  CK_PER_LEVEL(scale_columns_avx512, scale_columns_avx2, scale_columns_portable)
  (result, a->value_width, columns, factors);
  ck_transpose(result, columns, y, a->result_row, (size_t)queries, (size_t)a->value_width,
               sizeof(float));
}

void ck_attend_row(const ck_attention *a, const float *q, const float *k, const float *v,
                   const ck_visible *visible, float *y, float *scratch) {
  float *query = scratch, *scores = query + a->width;
  for (ptrdiff_t c = 0; c < a->width; c++) query[c] = q[c * a->query_column];
  if (a->key_column == 1) {
    CK_PER_LEVEL(dots_avx512, dots_avx2, dots_portable)(a, query, k, scores);
  } else {
    CK_PER_LEVEL(column_dots_avx512, column_dots_avx2, column_dots_portable)(a, query, k, scores);
  }
  const ptrdiff_t low = visible->low ? visible->low[0] : 0;
  const ptrdiff_t high = visible->low ? visible->high[0] : a->keys;
  float greatest = -INFINITY;
  for (ptrdiff_t j = 0; j < a->keys; j++) {
    float s = scores[j];
    if (visible->mask) {
      const float m = visible->mask[j];
      s = visible->replaces ? (m != 0 ? m : s) : s + m;
    }
    s = j >= low && j < high ? s : -INFINITY;
    scores[j] = s;
    greatest = greatest > s ? greatest : s;
  }
  if (a->guarded && greatest == -INFINITY) greatest = 0;
  const float sum =
      CK_PER_LEVEL(exp_row_avx512, exp_row_avx2, exp_row_portable)(scores, a->keys, greatest);
  const float factor = a->guarded && sum == 0 ? 0 : 1 / sum;
  CK_PER_LEVEL(mix_avx512, mix_avx2, mix_portable)(a, scores, v, factor, y);
}
