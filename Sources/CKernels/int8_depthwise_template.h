// Depthwise convolution for one instruction set, included by int8_convolution_template.h.
// CELLS(x, stride) loads the cells of WIDTH windows that begin `stride` bytes apart, 1 or 2: four
// adjacent bytes each.

// Writes one vector of results to each of `rows` rows, or, if there is no room behind the last of
// them, the `left` ones that are needed. Those written too many are in rows that come later.
TARGET __attribute__((always_inline)) static inline void NAMED(depthwise_store, SUFFIX)(
    const INTS *sum, uint8_t *y, ptrdiff_t line, const ck_int8_results *r, ptrdiff_t left,
    const uint8_t *end, const int rows) {
  const float low = (float)(r->low - r->zero_y), high = (float)(r->high - r->zero_y);
  const int32_t zero = r->zero_y - ROUNDER_BITS;
  const int has_room = y + (rows - 1) * line + WIDTH * (r->scale ? 1 : 4) <= end;
  if (!r->scale) {
    UNROLL for (int m = 0; m < rows; m++) {
      if (has_room)
        *(INTS *)(y + m * line) = sum[m];
      else
        memcpy(y + m * line, &sum[m], (size_t)left * 4);
    }
    return;
  }
  BYTES bytes[4];
  UNROLL for (int m = 0; m < rows; m++)
    bytes[m] = NAMED(quantized, SUFFIX)(sum[m], r->scale[0], low, high, zero);
  if (has_room) {
    UNROLL for (int m = 0; m < rows; m++) *(BYTES *)(y + m * line) = bytes[m];
  } else {
    UNROLL for (int m = 0; m < rows; m++) memcpy(y + m * line, &bytes[m], (size_t)left);
  }
}

TARGET __attribute__((always_inline)) static inline void NAMED(depthwise_block, SUFFIX)(
    const ck_int8_depthwise *d, const uint8_t *x, const uint32_t *w, uint8_t *y, ptrdiff_t line,
    const int32_t *windows, const ck_int8_results *r, ptrdiff_t left, const uint8_t *end,
    const int rows, const int kernel, const int words, const int step, const int stride) {
  INTS sum[4];
  UNROLL for (int m = 0; m < rows; m++) {
    sum[m] = (INTS){0} + r->start[0];
    if (windows) sum[m] -= r->zero[0] * *(const INTS *)(windows + m * d->width);
  }
  // Each row of the image is loaded once for all rows of results.
  UNROLL for (int i = 0; i < (rows - 1) * step + kernel; i++) {
    UNROLL for (int j = 0; j < words; j++) {
      const INTS cells = CELLS(x + i * d->line + 4 * j, stride);
      UNROLL for (int m = 0; m < rows; m++) {
        const int k = i - m * step;
        if (k >= 0 && k < kernel)
          sum[m] = NAMED(with_cells, SUFFIX)(sum[m], cells, w + (k * words + j) * UNITS);
      }
    }
  }
  NAMED(depthwise_store, SUFFIX)(sum, y, line, r, left, end, rows);
}

// The same for one row and a kernel of any size.
TARGET __attribute__((always_inline)) static inline void NAMED(depthwise_row, SUFFIX)(
    const ck_int8_depthwise *d, const uint8_t *x, const uint32_t *w, uint8_t *y,
    const int32_t *windows, const ck_int8_results *r, ptrdiff_t left, const uint8_t *end,
    const int stride) {
  INTS sum = (INTS){0} + r->start[0];
  if (windows) sum -= r->zero[0] * *(const INTS *)windows;
  for (ptrdiff_t k = 0; k < d->kernel; k++) {
    const uint8_t *from = x + k * d->dilation * d->line;
    for (ptrdiff_t j = 0; j < d->words; j++, w += UNITS)
      sum = NAMED(with_cells, SUFFIX)(sum, CELLS(from + 4 * j, stride), w);
  }
  NAMED(depthwise_store, SUFFIX)(&sum, y, 0, r, left, end, 1);
}

#define BLOCK(ROWS_, KERNEL, WORDS_, STEP)                                                       \
  NAMED(depthwise_block, SUFFIX)(d, from, w, to, line, own, r, left, end, ROWS_, KERNEL, WORDS_, \
                                 STEP, STEP)
#define BLOCKS(KERNEL, WORDS_, STEP)             \
  switch (rows) {                                \
    case 4: BLOCK(4, KERNEL, WORDS_, STEP); break; \
    case 2: BLOCK(2, KERNEL, WORDS_, STEP); break; \
    default: BLOCK(1, KERNEL, WORDS_, STEP);       \
  }

TARGET static void NAMED(depthwise, SUFFIX)(const ck_int8_depthwise *d, const uint8_t *x,
                                            const uint32_t *w, void *y, const void *end,
                                            const ck_int8_results *r) {
  const ptrdiff_t size = r->scale ? 1 : 4, line = d->width * size;
  const int is_square = d->step == d->stride && d->dilation == 1;
  const int form = !is_square                                ? 0
                   : d->kernel == 3 && d->words == 1 ? (int)d->step
                   : d->kernel == 5 && d->words == 2 ? (int)d->step + 2
                                                     : 0;
  for (ptrdiff_t oy = 0, rows; oy < d->rows; oy += rows) {
    const ptrdiff_t rest = d->rows - oy;
    rows = form == 0 ? 1 : rest >= 4 ? 4 : rest >= 2 ? 2 : 1;
    // From last to first, because the last vectors may write into the next row.
    for (ptrdiff_t n = (d->width - 1) / WIDTH * WIDTH; n >= 0; n -= WIDTH) {
      const uint8_t *from = x + oy * d->step * d->line + n * d->stride;
      uint8_t *to = (uint8_t *)y + oy * line + n * size;
      const ptrdiff_t left = least(WIDTH, d->width - n);
      const int32_t *own = r->windows ? r->windows + oy * d->width + n : NULL;
      switch (form) {
        case 1: BLOCKS(3, 1, 1) break;
        case 2: BLOCKS(3, 1, 2) break;
        case 3: BLOCKS(5, 2, 1) break;
        case 4: BLOCKS(5, 2, 2) break;
        default:
          if (d->stride == 1)
            NAMED(depthwise_row, SUFFIX)(d, from, w, to, own, r, left, end, 1);
          else
            NAMED(depthwise_row, SUFFIX)(d, from, w, to, own, r, left, end, 2);
      }
    }
  }
}

#undef BLOCK
#undef BLOCKS
