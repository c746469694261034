// Copies of images with interleaved channels (see ck_int8_convolution.h).
#include "int8_cells.h"

#include "dispatch.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

#define INLINE static inline __attribute__((always_inline))
typedef uint8_t bytes __attribute__((vector_size(16), aligned(1)));

// 16 bytes that are `stride` apart, 1 or 2.
INLINE bytes load(const uint8_t *x, int stride) {
  if (stride == 1) return *(const bytes *)x;
  return __builtin_shufflevector(*(const bytes *)x, *(const bytes *)(x + 15), 0, 2, 4, 6, 8, 10,
                                 12, 14, 17, 19, 21, 23, 25, 27, 29, 31);
}

INLINE bytes low(bytes a, bytes b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
INLINE bytes high(bytes a, bytes b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                 31);
}
// The same for pairs of bytes.
INLINE bytes low_pairs(bytes a, bytes b) {
  return __builtin_shufflevector(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
}
INLINE bytes high_pairs(bytes a, bytes b) {
  return __builtin_shufflevector(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30,
                                 31);
}

// 16 cells of the rows x[c].
INLINE void copy_16(const uint8_t *const *x, ptrdiff_t place, int stride, uint8_t flip, uint32_t *y) {
  bytes *to = (bytes *)y;
  const bytes flips = (bytes){0} + flip;
  const bytes a = load(x[0] + place, stride) ^ flips, b = load(x[1] + place, stride) ^ flips;
  const bytes c = load(x[2] + place, stride) ^ flips, d = load(x[3] + place, stride) ^ flips;
  const bytes ab = low(a, b), ab2 = high(a, b), cd = low(c, d), cd2 = high(c, d);
  to[0] = low_pairs(ab, cd), to[1] = high_pairs(ab, cd);
  to[2] = low_pairs(ab2, cd2), to[3] = high_pairs(ab2, cd2);
}

INLINE uint32_t gathered(const uint8_t *const *x, ptrdiff_t place, uint8_t flip) {
  uint32_t bits = 0;
  UNROLL for (int c = 0; c < 4; c++)
    bits |= (uint32_t)(uint8_t)(x[c][place] ^ flip) << (8 * c);
  return bits;
}

// `count` cells of the rows x[c], from places that are `stride` apart.
INLINE void copy_run(const uint8_t *const *x, ptrdiff_t stride, ptrdiff_t count, uint8_t flip,
                     uint32_t *y) {
  if (stride > 2 || count < 16) {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = gathered(x, i * stride, flip);
    return;
  }
  for (ptrdiff_t i = 0; i < count; i += 16) {
    // The last 16 may overlap those before.
    const ptrdiff_t from = least(i, count - 16);
    if (stride == 1)
      copy_16(x, from, 1, flip, y + from);
    else
      copy_16(x, 2 * from, 2, flip, y + from);
  }
}

INLINE void fill(uint32_t *y, ptrdiff_t count, uint32_t cell) {
  for (ptrdiff_t i = 0; i < count; i++) y[i] = cell;
}

INLINE void copy_image(const ck_window *w, const ck_phases *p, const uint8_t *const *x,
                       uint8_t flip, uint32_t zero, uint32_t *y) {
  const ptrdiff_t stride = w->stride[2];
  for (ptrdiff_t z = 0; z < p->depth; z++) {
    const ptrdiff_t iz = z - w->pad[0];
    for (ptrdiff_t i = 0; i < p->y_phases; i++) {
      for (ptrdiff_t j = 0; j < p->x_phases; j++) {
        // Columns before..<end of this phase come from the image; the others are padding.
        const ptrdiff_t shift = p->x_phase[j] - w->pad[2];
        const ptrdiff_t before = shift < 0 ? least((-shift + stride - 1) / stride, p->row) : 0;
        const ptrdiff_t room = w->input[2] - shift;
        const ptrdiff_t end =
            room > 0 ? most(before, least((room + stride - 1) / stride, p->row)) : before;
        for (ptrdiff_t r = 0; r < p->height; r++, y += p->row) {
          const ptrdiff_t iy = r * w->stride[1] + p->y_phase[i] - w->pad[1];
          if (iz < 0 || iz >= w->input[0] || iy < 0 || iy >= w->input[1]) {
            fill(y, p->row, zero);
            continue;
          }
          const ptrdiff_t place =
              (iz * w->input[1] + iy) * w->input[2] + shift + before * stride;
          const uint8_t *rows[4];
          UNROLL for (int c = 0; c < 4; c++) rows[c] = x[c] + place;
          fill(y, before, zero);
          copy_run(rows, stride, end - before, flip, y + before);
          fill(y + end, p->row - end, zero);
        }
      }
    }
  }
}

CK_VERSIONS(void, ck_int8_copy_cells,
            (const ck_window *w, const ck_phases *p, const uint8_t *x, ptrdiff_t channels,
             uint8_t flip, uint8_t zero, uint32_t *y), (w, p, x, channels, flip, zero, y)) {
  const ptrdiff_t plane = w->input[0] * w->input[1] * w->input[2];
  const uint8_t *rows[4];
  // The weights of channels that do not exist are 0.
  for (ptrdiff_t c = 0; c < 4; c++) rows[c] = x + least(c, channels - 1) * plane;
  const int is_whole = w->pad[0] == 0 && w->pad[1] == 0 && w->pad[2] == 0 && w->stride[1] == 1 &&
                       w->stride[2] == 1 && p->depth == w->input[0] && p->height == w->input[1] &&
                       p->row == w->input[2];
  if (is_whole)
    copy_run(rows, 1, plane, flip, y);
  else
    copy_image(w, p, rows, flip, zero * 0x01010101u, y);
}

ck_int8_depthwise ck_int8_depthwise_shape(const ck_window *w) {
  const ptrdiff_t words = (w->kernel[2] + 3) / 4;
  // Whole vectors of 16 windows are read, up to 64 bytes at a time.
  const ptrdiff_t width = (w->output[2] + 15) / 16 * 16;
  return (ck_int8_depthwise){
      .rows = w->output[1], .width = w->output[2],
      .line = (width - 1) * w->stride[2] + 4 * words + 64,
      .kernel = w->kernel[1], .words = words, .step = w->stride[1], .stride = w->stride[2],
      .dilation = w->dilation[1]};
}

// The rows that windows touch.
static ptrdiff_t touched(const ck_window *w) {
  return (w->output[1] - 1) * w->stride[1] + (w->kernel[1] - 1) * w->dilation[1] + 1;
}

ptrdiff_t ck_int8_depthwise_scratch(const ck_window *w, int has_zeros) {
  const ptrdiff_t image = (touched(w) * ck_int8_depthwise_shape(w).line + 3) / 4;
  // Vectors of 16 sums are written and read.
  return image + (has_zeros ? w->output[1] * w->output[2] + 16 : 0);
}

INLINE void copy_bytes(const uint8_t *x, ptrdiff_t count, uint8_t flip, uint8_t *y) {
  typedef uint8_t four __attribute__((vector_size(4), aligned(1)));
  if (count >= 16) {
    for (ptrdiff_t i = 0; i < count; i += 16) {
      const ptrdiff_t from = least(i, count - 16);
      *(bytes *)(y + from) = *(const bytes *)(x + from) ^ flip;
    }
  } else if (count >= 4) {
    for (ptrdiff_t i = 0; i < count; i += 4) {
      const ptrdiff_t from = least(i, count - 4);
      *(four *)(y + from) = *(const four *)(x + from) ^ flip;
    }
  } else {
    for (ptrdiff_t i = 0; i < count; i++) y[i] = x[i] ^ flip;
  }
}

CK_VERSIONS(void, ck_int8_copy_channel,
            (const ck_window *w, const uint8_t *x, uint8_t flip, uint8_t *y), (w, x, flip, y)) {
  const ptrdiff_t line = ck_int8_depthwise_shape(w).line;
  const ptrdiff_t end = least(touched(w), w->pad[1] + w->input[1]);
  const ptrdiff_t count = least(w->input[2], line - w->pad[2]);
  for (ptrdiff_t r = w->pad[1]; r < end; r++)
    copy_bytes(x + (r - w->pad[1]) * w->input[2], count, flip, y + r * line + w->pad[2]);
}
