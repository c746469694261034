// The loops of depthwise.c for one instruction set. Parameters: TARGET, vectors of WIDTH floats,
// names ending in SUFFIX, a type MASK of lanes with LANES(first, end), LOAD(p, mask) and
// STORE(p, mask, v), which touch no memory of other lanes. PICK_EVEN(a, b) and PICK_ODD(a, b) have
// every second lane of two vectors in some order, PUT_IN_ORDER(v) puts them in theirs, and
// CLAMP(v, low, high) keeps NaN. If MASKED is 1, all loads have masks; otherwise interior vectors
// have none. NARROW is the suffix of a version with half the lanes, for the rest of a row, or
// SUFFIX. IS_NARROW: this is such a version.

#define VECTOR NAMED(depthwise_vector, SUFFIX)
typedef float VECTOR __attribute__((vector_size(WIDTH * 4), aligned(4)));

// `count` vectors of results in each of `rows` rows; the sums stay in registers. `x` is the first
// factor of the first vector. Input rows low..<high of the block exist. Whole vectors may be
// written up to `end`, otherwise the `stored` lanes. With a step of 2 between columns, the lanes of
// sums have the order of PICK_EVEN, and PUT_IN_ORDER ends it.
TARGET __attribute__((always_inline)) static inline void NAMED(block, SUFFIX)(
    const depthwise *d, const channel *c, const float *x, ptrdiff_t low, ptrdiff_t high, float *y,
    const MASK *masks, MASK stored, const float *end, const int rows, const int count,
    const int height, const int stride, const int step, const int masked) {
  VECTOR sum[8][4];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < count; v++) sum[r][v] = (VECTOR){0} + c->bias;
  }
  for (ptrdiff_t k = 0; k < d->width; k += step) {
    const float *from = x + d->offsets[k];
    // With a step of 2, the lanes between those of column k are those of column k + 1.
    const int both = step == 2 && k + 1 < d->width;
    VECTOR weights[7], others[7];
    UNROLL for (int i = 0; i < height; i++) {
      weights[i] = (VECTOR){0} + c->weights[i * d->width + k];
      if (step == 2) others[i] = (VECTOR){0} + c->weights[i * d->width + k + both];
    }
    UNROLL for (int i = 0; i < (rows - 1) * stride + height; i++, from += d->pitch) {
      if (i < low || i >= high) continue;
      UNROLL for (int v = 0; v < count; v++) {
        VECTOR value = masked ? (VECTOR)LOAD(from, masks[k]) : *(const VECTOR *)(from + v * WIDTH);
        VECTOR other = value;
        if (step == 2) {
          const VECTOR next = masked ? (VECTOR)LOAD(from + WIDTH, masks[k + 1])
                                     : *(const VECTOR *)(from + WIDTH);
          other = PICK_ODD(value, next);
          value = PICK_EVEN(value, next);
        }
        UNROLL for (int r = 0; r < rows; r++) {
          if (i >= r * stride && i < r * stride + height)
            sum[r][v] += weights[i - r * stride] * value;
        }
        if (step == 2 && both) {
          UNROLL for (int r = 0; r < rows; r++) {
            if (i >= r * stride && i < r * stride + height)
              sum[r][v] += others[i - r * stride] * other;
          }
        }
      }
    }
  }
  const VECTOR lows = (VECTOR){0} + d->low, highs = (VECTOR){0} + d->high;
  UNROLL for (int r = 0; r < rows; r++, y += d->y_pitch) {
    UNROLL for (int v = 0; v < count; v++) {
      VECTOR result = CLAMP(sum[r][v], lows, highs);
      if (step == 2) result = PUT_IN_ORDER(result);
      if (masked && (MASKED || y + WIDTH > end))
        STORE(y, stored, result);
      else
        *(VECTOR *)(y + v * WIDTH) = result;
    }
  }
}

// One vector of results, or `count` if the kernel has one row and no vector needs masks.
TARGET __attribute__((noinline)) static void NAMED(blocks, SUFFIX)(
    const depthwise *d, const channel *c, const float *x, ptrdiff_t low, ptrdiff_t high, float *y,
    const MASK *masks, MASK stored, const float *end, ptrdiff_t rows, ptrdiff_t count) {
#define CASE(ROWS, ...)                                                                         \
  if (MASKED || masks)                                                                          \
    NAMED(block, SUFFIX)(d, c, x, low, high, y, masks, stored, end, ROWS, 1, __VA_ARGS__, 1);   \
  else                                                                                          \
    NAMED(block, SUFFIX)(d, c, x, low, high, y, masks, stored, end, ROWS, 1, __VA_ARGS__, 0);
#define CASES(...)                                                                              \
  switch (rows) {                                                                               \
    case 7: CASE(7, __VA_ARGS__) break;                                                         \
    case 4: CASE(4, __VA_ARGS__) break;                                                         \
    case 3: CASE(3, __VA_ARGS__) break;                                                         \
    default: CASE(1, __VA_ARGS__)                                                               \
  }                                                                                             \
  break;
  if (count == 4) {
    NAMED(block, SUFFIX)(d, c, x, low, high, y, masks, stored, end, 1, 4, 1, 1, 1, 0);
    return;
  }
  switch (FORM(d->height, d->stride, d->step)) {
    case FORM(1, 1, 1): CASES(1, 1, 1)
    case FORM(1, 1, 2): CASES(1, 1, 2)
    case FORM(3, 1, 1): CASES(3, 1, 1)
    case FORM(3, 2, 1): CASES(3, 2, 1)
    case FORM(3, 2, 2): CASES(3, 2, 2)
    case FORM(5, 1, 1): CASES(5, 1, 1)
    case FORM(5, 2, 1): CASES(5, 2, 1)
    case FORM(5, 2, 2): CASES(5, 2, 2)
    case FORM(7, 1, 1): CASES(7, 1, 1)
    case FORM(7, 2, 2): CASES(7, 2, 2)
  }
#undef CASE
#undef CASES
}

// Results n..<n + WIDTH of each of `rows` rows, or 4 * WIDTH results of one row.
TARGET static void NAMED(column, SUFFIX)(const depthwise *d, const channel *c, const float *x,
                                         ptrdiff_t n, ptrdiff_t low, ptrdiff_t high, float *y,
                                         ptrdiff_t rows, ptrdiff_t count) {
  const ptrdiff_t left = d->row - n, start = n * d->step;
  // Vectors are read from elements start + offsets[k] of a row on.
  const int inside = left >= count * WIDTH && start + d->offsets[0] >= 0 &&
                     start + count * WIDTH * d->step + d->offsets[d->width - 1] <= d->input;
  const MASK all = LANES(0, WIDTH);
  x += start;
  y += n;
  if (inside && !MASKED) {
    NAMED(blocks, SUFFIX)(d, c, x, low, high, y, NULL, all, NULL, rows, count);
    return;
  }
  MASK masks[CK_DEPTHWISE_WIDTH + 1];
  for (ptrdiff_t k = 0; k < d->width; k += d->step) {
    const ptrdiff_t at = start + d->offsets[k];
    const ptrdiff_t end = least(left * d->step, d->input - at);
    masks[k] = inside ? all : LANES(-at, end);
    if (d->step == 2) masks[k + 1] = inside ? all : LANES(-at - WIDTH, end - WIDTH);
  }
  // What a vector writes past its row, the next row overwrites.
  const int isOnly = d->row <= WIDTH && d->y_pitch == d->row;
  NAMED(blocks, SUFFIX)(d, c, x, low, high, y, masks, LANES(0, left),
                        left >= WIDTH || isOnly ? c->end : NULL, rows, count);
}

#if !defined(IS_NARROW)
// One channel, of which x is the first element.
TARGET static void NAMED(plane, SUFFIX)(const depthwise *d, const ck_window *w, const channel *c,
                                        const float *x, float *y, const ck_epilogue *e) {
  const ptrdiff_t apart = w->dilation[1];
  for (ptrdiff_t q = 0; q < least(apart, w->output[1]); q++) {
    const ptrdiff_t total = (w->output[1] - q + apart - 1) / apart;
    for (ptrdiff_t o = 0; o < total;) {
      const ptrdiff_t rest = total - o, rows = rows_of(rest);
      const ptrdiff_t first = (q + o * apart) * d->stride - w->pad[1];
      const ptrdiff_t reach = (rows - 1) * d->stride + d->height;
      // Rows first + i * apart with low <= i < high are inside the image.
      const ptrdiff_t low = first < 0 ? least((apart - 1 - first) / apart, reach) : 0;
      const ptrdiff_t room = w->input[1] - first;
      const ptrdiff_t high = room > 0 ? least((room + apart - 1) / apart, reach) : 0;
      const float *from = x + first * w->input[2];
      float *to = y + (q + o * apart) * d->row;
      for (ptrdiff_t n = 0; n < d->row;) {
        const ptrdiff_t left = d->row - n;
        const int isWide = d->height == 1 && d->step == 1 && rows == 1 && left >= 4 * WIDTH;
        if (isWide && n + d->offsets[0] >= 0 &&
            n + 4 * WIDTH + d->offsets[d->width - 1] <= d->input) {
          NAMED(column, SUFFIX)(d, c, from, n, low, high, to, 1, 4);
          n += 4 * WIDTH;
        } else if (left <= WIDTH / 2) {
          NAMED(column, NARROW)(d, c, from, n, low, high, to, rows, 1);
          n += WIDTH / 2;
        } else {
          // A last vector overlaps the one before, and has the same results there.
          const ptrdiff_t at = most(least(n, d->row - WIDTH), 0);
          NAMED(column, SUFFIX)(d, c, from, at, low, high, to, rows, 1);
          n += WIDTH;
        }
      }
      if (e->function > CK_ACTIVATION_CLIP)
        ck_finish_tile(to, rows, d->row, d->y_pitch, NULL, NULL, e->function, e->a, e->b);
      o += rows;
    }
  }
}
#endif

#undef VECTOR
#undef TARGET
#undef WIDTH
#undef SUFFIX
#undef NARROW
#undef MASK
#undef LANES
#undef LOAD
#undef STORE
#undef PICK_EVEN
#undef PICK_ODD
#undef PUT_IN_ORDER
#undef CLAMP
#undef MASKED
#undef IS_NARROW
