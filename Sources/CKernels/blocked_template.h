// The loops of blocked.c for one instruction set. Parameters: TARGET, vectors of WIDTH floats,
// PLACES places at a time, names ending in SUFFIX.

#include "lanes_template.h"

// Adds the products of one group and one element of the kernel.
TARGET __attribute__((always_inline)) static inline void NAMED(tile, SUFFIX)(
    const ck_block_sum *s, const float *x, const float *w, float *y, const int places,
    const int vectors) {
  VECTOR sum[PLACES][2];
  UNROLL for (int p = 0; p < places; p++) {
    UNROLL for (int v = 0; v < vectors; v++) sum[p][v] = (VECTOR){0};
  }
  for (ptrdiff_t g = 0; g < s->groups; g++, x += s->group) {
    const ptrdiff_t lanes = g + 1 < s->groups ? WIDTH : s->last;
    for (ptrdiff_t t = 0; t < s->taps; t++, w += vectors * WIDTH * WIDTH) {
      const float *from = x + s->offsets[t], *row = w;
      for (ptrdiff_t k = 0; k < lanes; k += 4) {
        UNROLL for (int i = 0; i < 4; i++) {
          VECTOR value[2];
          UNROLL for (int v = 0; v < vectors; v++) value[v] = *(const VECTOR *)(row + v * WIDTH);
          UNROLL for (int p = 0; p < places; p++) {
            UNROLL for (int v = 0; v < vectors; v++)
              sum[p][v] += from[p * WIDTH + i] * value[v];
          }
          row += vectors * WIDTH;
        }
        from += 4;
      }
    }
  }
  UNROLL for (int p = 0; p < places; p++) {
    UNROLL for (int v = 0; v < vectors; v++) *(VECTOR *)(y + (p * 2 + v) * WIDTH) = sum[p][v];
  }
}

#define CASE(N, VECTORS)                                                                      \
  case N:                                                                                     \
    if (N <= PLACES) NAMED(tile, SUFFIX)(s, x, w, y, N <= PLACES ? N : 1, VECTORS);           \
    break;
#define CASES(VECTORS)                                                                        \
  switch (places) {                                                                           \
    CASE(1, VECTORS) CASE(2, VECTORS) CASE(3, VECTORS) CASE(4, VECTORS) CASE(5, VECTORS)      \
    CASE(6, VECTORS) CASE(7, VECTORS) CASE(8, VECTORS) CASE(9, VECTORS) CASE(10, VECTORS)     \
    CASE(11, VECTORS) CASE(12, VECTORS) CASE(13, VECTORS) CASE(14, VECTORS)                   \
  }

TARGET static void NAMED(product, SUFFIX)(const ck_block_sum *s, const float *x, ptrdiff_t places,
                                          const float *w, ptrdiff_t maps, float *y) {
  if (maps > WIDTH) {
    CASES(2)
  } else {
    CASES(1)
  }
}
#undef CASE
#undef CASES

// Blocks `count` adjacent floats of each channel, which continue in the next row of y after `width`.
TARGET static void NAMED(block_run, SUFFIX)(const float *x, ptrdiff_t plane, ptrdiff_t channels,
                                            ptrdiff_t count, ptrdiff_t width, float *y,
                                            ptrdiff_t row, const ptrdiff_t *columns) {
  ptrdiff_t r = 0, c = 0;
  for (ptrdiff_t i = 0; i < count; i += WIDTH) {
    ptrdiff_t taken = least(WIDTH, count - i);
    if (taken < WIDTH && count >= WIDTH) {  // the last ones, some of them again
      taken = WIDTH, i = count - WIDTH;
      r = i / width, c = i % width;
    }
    VECTOR value[WIDTH];
    if (taken == WIDTH) {
      UNROLL for (int k = 0; k < WIDTH; k++)
        value[k] = k < channels ? *(const VECTOR *)(x + k * plane + i) : (VECTOR){0};
    } else {
      float part[WIDTH * WIDTH] = {0};
      for (ptrdiff_t k = 0; k < channels; k++) {
        for (ptrdiff_t j = 0; j < taken; j++) part[k * WIDTH + j] = x[k * plane + i + j];
      }
      UNROLL for (int k = 0; k < WIDTH; k++) value[k] = *(const VECTOR *)(part + k * WIDTH);
    }
    NAMED(transpose, SUFFIX)(value);
    UNROLL for (int j = 0; j < WIDTH; j++) {
      if (j < taken) {
        *(VECTOR *)(y + (r * row + columns[c]) * WIDTH) = value[j];
        if (++c == width) c = 0, r++;
      }
    }
  }
}

TARGET static void NAMED(clear, SUFFIX)(float *y, ptrdiff_t places) {
  for (ptrdiff_t i = 0; i < places; i++) *(VECTOR *)(y + i * WIDTH) = (VECTOR){0};
}

TARGET static void NAMED(block, SUFFIX)(const ck_block_part *p, const float *x,
                                        ptrdiff_t channels, float *y) {
  const ptrdiff_t row = p->row * WIDTH, taken = p->taken;
  NAMED(clear, SUFFIX)(y, p->above * p->row);
  y += p->above * row;
  for (ptrdiff_t r = 0; r < p->rows; r++) {
    for (ptrdiff_t c = 0; c < p->before; c++)
      NAMED(clear, SUFFIX)(y + r * row + p->columns[c] * WIDTH, 1);
    for (ptrdiff_t c = 0; c < p->after; c++)
      NAMED(clear, SUFFIX)(y + r * row + p->columns[p->before + taken + c] * WIDTH, 1);
  }
  const ptrdiff_t *columns = p->columns + p->before;
  if (p->step == taken && taken > 0) {
    NAMED(block_run, SUFFIX)(x, p->plane, channels, p->rows * taken, taken, y, p->row, columns);
  } else {
    for (ptrdiff_t r = 0; r < p->rows && taken > 0; r++)
      NAMED(block_run, SUFFIX)(x + r * p->step, p->plane, channels, taken, taken, y + r * row,
                               p->row, columns);
  }
  NAMED(clear, SUFFIX)(y + p->rows * row, p->below * p->row);
}

TARGET __attribute__((always_inline)) static inline void NAMED(unblock_maps, SUFFIX)(
    const float *x, ptrdiff_t row, ptrdiff_t width, ptrdiff_t count, ptrdiff_t maps, float *y,
    ptrdiff_t outputs, const float *bias, const float *residual, const ck_epilogue *e) {
  float start[WIDTH] = {0};
  for (ptrdiff_t m = 0; m < maps && bias; m++) start[m] = bias[m];
  const VECTOR first = *(const VECTOR *)start, low = (VECTOR){0} + e->low,
               high = (VECTOR){0} + e->high;
  ptrdiff_t r = 0, c = 0;
  for (ptrdiff_t i = 0; i < count; i += WIDTH) {
    ptrdiff_t taken = least(WIDTH, count - i);
    // The last ones, some of them again, unless y may be the residual.
    if (taken < WIDTH && count >= WIDTH && !residual) {
      taken = WIDTH, i = count - WIDTH;
      r = i / width, c = i % width;
    }
    VECTOR value[WIDTH];
    UNROLL for (int j = 0; j < WIDTH; j++) {
      value[j] = *(const VECTOR *)(x + (r * row + c) * 2 * WIDTH) + first;
      if (j + 1 < taken && ++c == width) c = 0, r++;
    }
    if (++c == width) c = 0, r++;
    NAMED(transpose, SUFFIX)(value);
    if (taken == WIDTH) {
      UNROLL for (int m = 0; m < WIDTH; m++) {
        if (m < maps) {
          if (residual) value[m] += *(const VECTOR *)(residual + m * outputs + i);
          value[m] = NAMED(choose, SUFFIX)(value[m] < low, low, value[m]);
          *(VECTOR *)(y + m * outputs + i) =
              NAMED(choose, SUFFIX)(value[m] > high, high, value[m]);
        }
      }
    } else {
      float part[WIDTH * WIDTH];
      UNROLL for (int m = 0; m < WIDTH; m++) *(VECTOR *)(part + m * WIDTH) = value[m];
      for (ptrdiff_t m = 0; m < maps; m++) {
        for (ptrdiff_t j = 0; j < taken; j++) {
          float a = part[m * WIDTH + j];
          if (residual) a += residual[m * outputs + i + j];
          a = a < e->low ? e->low : a;
          y[m * outputs + i + j] = a > e->high ? e->high : a;
        }
      }
    }
  }
}

TARGET static void NAMED(unblock, SUFFIX)(const float *x, ptrdiff_t row, ptrdiff_t width,
                                          ptrdiff_t count, ptrdiff_t maps, float *y,
                                          ptrdiff_t outputs, const ck_epilogue *e) {
  for (ptrdiff_t m = 0; m < maps; m += WIDTH)
    NAMED(unblock_maps, SUFFIX)(x + m, row, width, count, least(WIDTH, maps - m), y + m * outputs,
                                outputs, e->bias ? e->bias + m : NULL,
                                e->residual ? e->residual + m * outputs : NULL, e);
}

#undef VECTOR
#undef MASK
#undef TARGET
#undef WIDTH
#undef PLACES
#undef SUFFIX
