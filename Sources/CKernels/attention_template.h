// The loops of attention.c for one instruction set. Parameters: TARGET, vectors of WIDTH floats,
// names ending in SUFFIX.

#define VECTOR NAMED(attention_vector, SUFFIX)
#define MASK NAMED(attention_mask, SUFFIX)
typedef float VECTOR __attribute__((vector_size(WIDTH * 4), aligned(4)));
typedef int MASK __attribute__((vector_size(WIDTH * 4), aligned(4)));

TARGET __attribute__((always_inline)) static inline VECTOR NAMED(select, SUFFIX)(
    MASK mask, VECTOR a, VECTOR b) {
  return (VECTOR)((mask & (MASK)a) | (~mask & (MASK)b));
}

// e^x for x <= 0, and 0 below -87.3. NaN stays NaN.
TARGET __attribute__((always_inline)) static inline VECTOR NAMED(exp, SUFFIX)(VECTOR x) {
  const VECTOR magic = (VECTOR){0} + 12582912.0f;  // adding it leaves an integer in the lowest bits
  const VECTOR shifted = x * 1.44269504088896341f + magic;
  const VECTOR n = shifted - magic;
  VECTOR r = x - n * 0.693145751953125f;
  r = r - n * 1.42860682030941723212e-6f;
  VECTOR p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r;
  const VECTOR power = (VECTOR)(((MASK)shifted << 23) + 0x3f800000);
  return NAMED(select, SUFFIX)(x < -87.3f, (VECTOR){0}, p * power + power);
}

// The scores [keys, vectors · WIDTH] of a block of queries become e^(score - greatest). Returns the
// reciprocals of their sums in `factors`.
TARGET __attribute__((always_inline)) static inline void NAMED(weigh, SUFFIX)(
    const ck_attention *a, float *scores, const ck_visible *visible, const float *mask,
    float *factors, const int *low, const int *high, const int vectors) {
  const VECTOR none = (VECTOR){0} - INFINITY;
  VECTOR greatest[2] = {none, none}, sum[2] = {{0}, {0}};
  for (ptrdiff_t j = 0; j < a->keys; j++) {
    UNROLL for (int v = 0; v < vectors; v++) {
      VECTOR *const place = (VECTOR *)(scores + (j * vectors + v) * WIDTH);
      VECTOR s = *place * a->scale;
      if (mask) {
        const VECTOR m = visible->step ? *(const VECTOR *)(mask + (j * vectors + v) * WIDTH)
                                       : (VECTOR){0} + mask[j];
        s = visible->replaces ? NAMED(select, SUFFIX)(m != 0, m, s) : s + m;
      }
      if (low) {
        const MASK first = *(const MASK *)(low + v * WIDTH);
        const MASK last = *(const MASK *)(high + v * WIDTH);
        const MASK key = (MASK){0} + (int)j;
        s = NAMED(select, SUFFIX)((MASK)(key >= first) & (MASK)(key < last), s, none);
      }
      *place = s;
      greatest[v] = NAMED(select, SUFFIX)(greatest[v] > s, greatest[v], s);
    }
  }
  if (a->guarded) {
    UNROLL for (int v = 0; v < vectors; v++)
      greatest[v] = NAMED(select, SUFFIX)(greatest[v] == none, (VECTOR){0}, greatest[v]);
  }
  for (ptrdiff_t j = 0; j < a->keys; j++) {
    UNROLL for (int v = 0; v < vectors; v++) {
      VECTOR *const place = (VECTOR *)(scores + (j * vectors + v) * WIDTH);
      const VECTOR e = NAMED(exp, SUFFIX)(*place - greatest[v]);
      *place = e;
      sum[v] += e;
    }
  }
  UNROLL for (int v = 0; v < vectors; v++) {
    VECTOR factor = 1.0f / sum[v];
    if (a->guarded) factor = NAMED(select, SUFFIX)(sum[v] == 0, (VECTOR){0}, factor);
    *(VECTOR *)(factors + v * WIDTH) = factor;
  }
}

TARGET static void NAMED(weights, SUFFIX)(
    const ck_attention *a, float *scores, const ck_visible *visible, const float *mask,
    float *factors, const int *low, const int *high, const int vectors) {
  if (!mask && !low) {
    if (vectors == 2) {
      NAMED(weigh, SUFFIX)(a, scores, visible, NULL, factors, NULL, NULL, 2);
    } else {
      NAMED(weigh, SUFFIX)(a, scores, visible, NULL, factors, NULL, NULL, 1);
    }
  } else if (vectors == 2) {
    NAMED(weigh, SUFFIX)(a, scores, visible, mask, factors, low, high, 2);
  } else {
    NAMED(weigh, SUFFIX)(a, scores, visible, mask, factors, low, high, 1);
  }
}

// Multiplies the columns of x [rows, columns] by factors.
TARGET static void NAMED(scale_columns, SUFFIX)(float *x, ptrdiff_t rows, ptrdiff_t columns,
                                                const float *factors) {
  for (ptrdiff_t i = 0; i < rows; i++) {
    for (ptrdiff_t j = 0; j < columns; j += WIDTH)
      *(VECTOR *)(x + i * columns + j) *= *(const VECTOR *)(factors + j);
  }
}

TARGET __attribute__((always_inline)) static inline float NAMED(total, SUFFIX)(VECTOR sum) {
  float part[WIDTH];
  *(VECTOR *)part = sum;
  for (int width = WIDTH / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) part[i] += part[i + width];
  return part[0];
}

// The scaled products of a query and contiguous rows of keys.
TARGET static void NAMED(dots, SUFFIX)(const ck_attention *a, const float *q, const float *k,
                                       float *scores) {
  for (ptrdiff_t j = 0; j < a->keys; j += 4) {
    const float *row[4];
    UNROLL for (int i = 0; i < 4; i++) row[i] = k + (j + i < a->keys ? j + i : j) * a->key_row;
    VECTOR sum[4] = {{0}, {0}, {0}, {0}};
    ptrdiff_t c = 0;
    for (; c + WIDTH <= a->width; c += WIDTH) {
      UNROLL for (int i = 0; i < 4; i++)
        sum[i] += *(const VECTOR *)(q + c) * *(const VECTOR *)(row[i] + c);
    }
    for (int i = 0; i < 4 && j + i < a->keys; i++) {
      float result = NAMED(total, SUFFIX)(sum[i]);
      for (ptrdiff_t n = c; n < a->width; n++) result += q[n] * row[i][n];
      scores[j + i] = result * a->scale;
    }
  }
}

// The same for keys whose columns are contiguous.
TARGET static void NAMED(column_dots, SUFFIX)(const ck_attention *a, const float *q, const float *k,
                                              float *scores) {
  for (ptrdiff_t j = 0; j < a->keys; j++) scores[j] = 0;
  for (ptrdiff_t c = 0; c < a->width; c++) {
    const float x = q[c] * a->scale;
    const float *row = k + c * a->key_column;
    for (ptrdiff_t j = 0; j < a->keys; j++) scores[j] += x * row[j];
  }
}

// y = sum of weights[j] · v[j] · factor.
TARGET static void NAMED(mix, SUFFIX)(const ck_attention *a, const float *weights, const float *v,
                                      float factor, float *y) {
  ptrdiff_t c = 0;
  for (; c + 4 * WIDTH <= a->value_width; c += 4 * WIDTH) {
    VECTOR sum[4] = {{0}, {0}, {0}, {0}};
    for (ptrdiff_t j = 0; j < a->keys; j++) {
      UNROLL for (int i = 0; i < 4; i++)
        sum[i] += weights[j] * *(const VECTOR *)(v + j * a->value_row + c + i * WIDTH);
    }
    UNROLL for (int i = 0; i < 4; i++) *(VECTOR *)(y + c + i * WIDTH) = sum[i] * factor;
  }
  for (; c + WIDTH <= a->value_width; c += WIDTH) {
    VECTOR sum = {0};
    for (ptrdiff_t j = 0; j < a->keys; j++)
      sum += weights[j] * *(const VECTOR *)(v + j * a->value_row + c);
    *(VECTOR *)(y + c) = sum * factor;
  }
  for (; c < a->value_width; c++) {
    float sum = 0;
    for (ptrdiff_t j = 0; j < a->keys; j++) sum += weights[j] * v[j * a->value_row + c];
    y[c] = sum * factor;
  }
}

// e^(x - greatest) of n numbers in place; returns their sum.
TARGET static float NAMED(exp_row, SUFFIX)(float *x, ptrdiff_t n, float greatest) {
  VECTOR sum = {0};
  ptrdiff_t j = 0;
  for (; j + WIDTH <= n; j += WIDTH) {
    const VECTOR e = NAMED(exp, SUFFIX)(*(VECTOR *)(x + j) - greatest);
    *(VECTOR *)(x + j) = e;
    sum += e;
  }
  if (j < n) {
    VECTOR rest = (VECTOR){0} - INFINITY;
    for (ptrdiff_t i = j; i < n; i++) ((float *)&rest)[i - j] = x[i] - greatest;
    rest = NAMED(exp, SUFFIX)(rest);
    for (ptrdiff_t i = j; i < n; i++) x[i] = ((float *)&rest)[i - j];
    sum += rest;
  }
  return NAMED(total, SUFFIX)(sum);
}

#undef VECTOR
#undef MASK
#undef TARGET
#undef WIDTH
#undef SUFFIX
