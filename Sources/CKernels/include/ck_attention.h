#ifndef CK_ATTENTION_H
#define CK_ATTENTION_H

#include <stddef.h>

// Scaled dot-product attention of one head, y = softmax(scale · q · kᵀ + mask) · v, a few queries at
// a time. The scores of these queries stay in the cache.
typedef struct {
  ptrdiff_t keys, width, value_width;
  // Floats from one row to the next, and from one column to the next, of which one is 1.
  ptrdiff_t key_row, key_column, value_row;
  ptrdiff_t query_row, query_column, result_row;
  float scale;
  // Whether a query whose scores are all -infinity has the result 0, not NaN.
  int guarded;
} ck_attention;

// What queries see of the keys. A number of the mask is added to the score, or, if `replaces`,
// takes its place unless it is 0.
typedef struct {
  const float *mask;     // [queries, keys] or, with a step of 0, [keys]; NULL for none
  ptrdiff_t step;        // floats from one query to the next
  int replaces;
  const int *low, *high; // the range of keys of each query; NULL for all
} ck_visible;

// The largest number of queries of a call of ck_attend.
ptrdiff_t ck_attention_block(void);

// The number of queries below which keys and values are better read in place.
ptrdiff_t ck_attention_few(void);

// The floats of packed keys and values, and of the scratch memory of ck_attend and ck_attend_row.
ptrdiff_t ck_attention_packed(const ck_attention *a);
ptrdiff_t ck_attention_room(const ck_attention *a);

void ck_attention_pack(const ck_attention *a, const float *k, const float *v, float *packed);

// The results of up to ck_attention_block() queries, with keys and values packed.
void ck_attend(const ck_attention *a, const float *q, ptrdiff_t queries, const float *packed,
               const ck_visible *visible, float *y, float *scratch);

// The result of one query, with keys and values in place.
void ck_attend_row(const ck_attention *a, const float *q, const float *k, const float *v,
                   const ck_visible *visible, float *y, float *scratch);

#endif
