// Depthwise convolution of two-dimensional images (see ck_direct.h).
#include "ck_direct.h"
#include "dispatch.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t most(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

// Factor k of the result at column n of a row is element n * step + offsets[k] of the input row.
// Consecutive input rows of a block are `pitch` floats apart, consecutive result rows `y_pitch`.
typedef struct {
  ptrdiff_t height, width;  // of the kernel
  ptrdiff_t stride, step;   // between rows and between columns
  ptrdiff_t row, input;     // results and elements of a row
  ptrdiff_t pitch, y_pitch;
  ptrdiff_t offsets[CK_DEPTHWISE_WIDTH];
  float low, high;
} depthwise;

typedef struct {
  const float *weights;
  const float *end;  // of the results
  float bias;
} channel;

#define FORM(height, stride, step) (4 * (height) + 2 * (stride) + (step))

// Rows of results that are computed together, of `rest`.
static inline ptrdiff_t rows_of(ptrdiff_t rest) {
  return rest >= 7 ? 7 : rest >= 4 && rest != 6 ? 4 : rest >= 3 ? 3 : 1;
}

#if defined(__x86_64__)
#include <immintrin.h>

static inline unsigned bits(ptrdiff_t first, ptrdiff_t end, ptrdiff_t width) {
  const unsigned below = (1u << most(least(first, width), 0)) - 1;
  return ((1u << most(least(end, width), 0)) - 1) & ~below;
}

#define PICK_EVEN8(a, b) __builtin_shufflevector(a, b, 0, 2, 8, 10, 4, 6, 12, 14)
#define PICK_ODD8(a, b) __builtin_shufflevector(a, b, 1, 3, 9, 11, 5, 7, 13, 15)
#define PUT_IN_ORDER8(v) __builtin_shufflevector(v, v, 0, 1, 4, 5, 2, 3, 6, 7)
#define CLAMP8(v, low, high) \
  (VECTOR) _mm256_min_ps((__m256)(high), _mm256_max_ps((__m256)(low), (__m256)(v)))

#define SUFFIX avx512half
#define NARROW avx512half
#define IS_NARROW
#define TARGET CK_AVX512
#define WIDTH 8
#define MASKED 1
#define MASK __mmask8
#define LANES(first, end) (__mmask8) bits(first, end, 8)
#define LOAD(p, mask) _mm256_maskz_loadu_ps(mask, p)
#define STORE(p, mask, v) _mm256_mask_storeu_ps(p, mask, (__m256)(v))
#define PICK_EVEN PICK_EVEN8
#define PICK_ODD PICK_ODD8
#define PUT_IN_ORDER PUT_IN_ORDER8
#define CLAMP CLAMP8
#include "depthwise_template.h"

#define SUFFIX avx512
#define NARROW avx512half
#define TARGET CK_AVX512
#define WIDTH 16
#define MASKED 1
#define MASK __mmask16
#define LANES(first, end) (__mmask16) bits(first, end, 16)
#define LOAD(p, mask) _mm512_maskz_loadu_ps(mask, p)
#define STORE(p, mask, v) _mm512_mask_storeu_ps(p, mask, (__m512)(v))
#define PICK_EVEN(a, b)                                                                         \
  __builtin_shufflevector(a, b, 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30)
#define PICK_ODD(a, b)                                                                          \
  __builtin_shufflevector(a, b, 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31)
#define PUT_IN_ORDER(v)                                                                         \
  __builtin_shufflevector(v, v, 0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15)
#define CLAMP(v, low, high) \
  (VECTOR) _mm512_min_ps((__m512)(high), _mm512_max_ps((__m512)(low), (__m512)(v)))
#include "depthwise_template.h"

CK_AVX2 static inline __m256i lanes_avx2(ptrdiff_t first, ptrdiff_t end) {
  typedef int eight __attribute__((vector_size(32)));
  const eight lane = {0, 1, 2, 3, 4, 5, 6, 7};
  const int from = (int)most(least(first, 8), 0), to = (int)most(least(end, 8), 0);
  return (__m256i)((lane >= from) & (lane < to));
}

#define SUFFIX avx2
#define NARROW avx2
#define TARGET CK_AVX2
#define WIDTH 8
#define MASKED 0
#define MASK __m256i
#define LANES(first, end) lanes_avx2(first, end)
#define LOAD(p, mask) _mm256_maskload_ps(p, mask)
#define STORE(p, mask, v) _mm256_maskstore_ps(p, mask, (__m256)(v))
#define PICK_EVEN PICK_EVEN8
#define PICK_ODD PICK_ODD8
#define PUT_IN_ORDER PUT_IN_ORDER8
#define CLAMP CLAMP8
#include "depthwise_template.h"
#endif

typedef float four __attribute__((vector_size(16), aligned(4)));
typedef struct {
  int first, end;
} lanes;

__attribute__((noinline)) static four load_lanes(const float *p, lanes mask) {
  four v = {0};
  for (int i = mask.first; i < mask.end; i++) v[i] = p[i];
  return v;
}

__attribute__((noinline)) static void store_lanes(float *p, lanes mask, four v) {
  for (int i = mask.first; i < mask.end; i++) p[i] = v[i];
}

static inline four clamp(four v, four low, four high) {
  typedef int mask __attribute__((vector_size(16)));
  const mask less = v < low, more = v > high;
  return (four)((less & (mask)low) | (more & (mask)high) | (~(less | more) & (mask)v));
}

#define SUFFIX portable
#define NARROW portable
#define TARGET
#define WIDTH 4
#define MASKED 0
#define MASK lanes
#define LANES(first, end) \
  (lanes) { (int)most(least(first, 4), 0), (int)most(least(end, 4), 0) }
#define LOAD(p, mask) load_lanes(p, mask)
#define STORE(p, mask, v) store_lanes(p, mask, v)
#define PICK_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
#define PICK_ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7)
#define PUT_IN_ORDER(v) (v)
#define CLAMP(v, low, high) clamp(v, low, high)
#include "depthwise_template.h"

int ck_depthwise_accepts(const ck_window *w) {
  const ptrdiff_t height = w->kernel[1], stride = w->stride[1], step = w->stride[2];
  if (w->input[0] != 1 || w->output[0] != 1 || w->kernel[0] != 1 || w->pad[0] != 0 ||
      w->kernel[2] > CK_DEPTHWISE_WIDTH || stride > 2 || step > 2 ||
      (stride == 2 && w->dilation[1] > 1) || (step == 2 && w->dilation[2] > 1))
    return 0;
  switch (FORM(height, stride, step)) {
    case FORM(1, 1, 1):
    case FORM(1, 1, 2):
    case FORM(3, 1, 1):
    case FORM(3, 2, 1):
    case FORM(3, 2, 2):
    case FORM(5, 1, 1):
    case FORM(5, 2, 1):
    case FORM(5, 2, 2):
    case FORM(7, 1, 1):
    case FORM(7, 2, 2): return 1;
    default: return 0;
  }
}

void ck_depthwise(const ck_window *w, const float *x, ptrdiff_t first, ptrdiff_t count,
                  ptrdiff_t multiple, const float *weights, float *y, const ck_epilogue *e) {
  depthwise d = {.height = w->kernel[1], .width = w->kernel[2], .stride = w->stride[1],
                 .step = w->stride[2], .row = w->output[2], .input = w->input[2],
                 .pitch = w->dilation[1] * w->input[2], .y_pitch = w->dilation[1] * w->output[2],
                 .low = e->low, .high = e->high};
  for (ptrdiff_t k = 0; k < d.width; k++) d.offsets[k] = k * w->dilation[2] - w->pad[2];
  for (ptrdiff_t m = first; m < first + count; m++) {
    const channel c = {weights + m * d.height * d.width,
                       y + (m + 1) * w->output[1] * w->output[2], e->bias ? e->bias[m] : 0};
    CK_PER_LEVEL(plane_avx512, plane_avx2, plane_portable)(
        &d, w, &c, x + m / multiple * w->input[1] * w->input[2],
        y + m * w->output[1] * w->output[2], e);
  }
}
