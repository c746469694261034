// Convolution of 8-bit integers (see ck_int8_convolution.h).
#include "ck_int8_convolution.h"

#include <string.h>

#include "dispatch.h"
#include "int8_cells.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

// Added to a number of small magnitude, it leaves the nearest integer in the low bits, ties to even.
#define ROUNDER 12582912.0f
#define ROUNDER_BITS 0x4B400000

// The number of vectors for the next tile, so that the last tiles have about the same width.
static inline ptrdiff_t part(ptrdiff_t count, ptrdiff_t width, ptrdiff_t wide) {
  const ptrdiff_t vectors = (count + width - 1) / width;
  return vectors == wide + 1 && wide > 2 ? wide - 1 : least(vectors, wide);
}

// Writes `count` places from `first` on, computed in x, to their windows in y.
static void finish(const ck_direct *s, const uint8_t *x, ptrdiff_t first, ptrdiff_t count,
                   ptrdiff_t size, uint8_t *y) {
  ptrdiff_t oy = first / s->row, ox = first % s->row;
  while (count > 0) {
    const ptrdiff_t taken = least(count, s->row - ox), width = least(taken, s->width - ox);
    if (width > 0) memcpy(y + (oy * s->width + ox) * size, x, (size_t)(width * size));
    x += taken * size;
    count -= taken;
    oy += 1;
    ox = 0;
  }
}

// Writes one result, as the vectors do.
__attribute__((unused)) static inline void finish_one(
    const ck_int8_results *r, ptrdiff_t row, ptrdiff_t place, int32_t sum, void *y,
    ptrdiff_t index) {
  uint32_t all = (uint32_t)sum + (uint32_t)r->start[row];
  if (r->windows) all -= (uint32_t)r->zero[row] * (uint32_t)r->windows[place];
  if (!r->scale) {
    ((int32_t *)y)[index] = (int32_t)all;
    return;
  }
  const float low = (float)(r->low - r->zero_y), high = (float)(r->high - r->zero_y);
  float x = (float)(int32_t)all * r->scale[row];
  x = x > low ? x : low;
  x = x < high ? x : high;
  const float rounded = x + ROUNDER;
  int32_t bits;
  memcpy(&bits, &rounded, 4);
  ((uint8_t *)y)[index] = (uint8_t)(bits - ROUNDER_BITS + r->zero_y);
}

#if defined(__x86_64__)
// Cells that begin `stride` bytes apart. Each part of 16 bytes takes four of them from the bytes
// that it needs.
CK_AVX512 __attribute__((always_inline)) static inline __m512i cells_512(const uint8_t *x,
                                                                         const int stride) {
  const __m512i ones = _mm512_setr_epi32(0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6);
  const __m512i twos = _mm512_setr_epi32(0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9);
  const __m512i bytes = stride == 1
                            ? _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)x))
                            : _mm512_loadu_si512(x);
  const __m512i parts = _mm512_permutexvar_epi32(stride == 1 ? ones : twos, bytes);
  const __m128i places =
      stride == 1 ? _mm_setr_epi8(0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6)
                  : _mm_setr_epi8(0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9);
  return _mm512_shuffle_epi8(parts, _mm512_broadcast_i32x4(places));
}

CK_AVX2 __attribute__((always_inline)) static inline __m256i cells_256(const uint8_t *x,
                                                                       const int stride) {
  const __m128i low = _mm_loadu_si128((const __m128i *)x);
  const __m128i high = _mm_loadu_si128((const __m128i *)(x + 4 * stride));
  const __m128i places =
      stride == 1 ? _mm_setr_epi8(0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6)
                  : _mm_setr_epi8(0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9);
  return _mm256_shuffle_epi8(_mm256_set_m128i(high, low), _mm256_broadcastsi128_si256(places));
}

#define SUFFIX avx512vnni
#define TARGET \
  __attribute__((target(CK_V3 ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni")))
#define WIDTH 16
#define ROWS 8
#define WIDE 3
#define CELLS(x, stride) (INTS) cells_512(x, stride)
#define ROW_DOT(sum, u, s) \
  (LANES) _mm256_dpbusd_epi32((__m256i)(sum), (__m256i)(u), (__m256i)(s))
#define DOT(sum, u, s) (INTS) _mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(u), (__m512i)(s))
#include "int8_convolution_template.h"

#define SUFFIX avx512
#define TARGET CK_AVX512
#define WIDTH 16
#define ROWS 8
#define WIDE 2
#define CELLS(x, stride) (INTS) cells_512(x, stride)
#define ROW_PAIRS(x, y) (LANES) _mm512_madd_epi16((__m512i)(x), (__m512i)(y))
#define PAIRS(x, y) (INTS) _mm512_madd_epi16((__m512i)(x), (__m512i)(y))
#include "int8_convolution_template.h"

#define SUFFIX avxvnni
#define TARGET __attribute__((target(CK_V3 ",avxvnni")))
#define WIDTH 8
#define ROWS 4
#define WIDE 2
#define CELLS(x, stride) (INTS) cells_256(x, stride)
#define ROW_DOT(sum, u, s) \
  (LANES) _mm_dpbusd_avx_epi32((__m128i)(sum), (__m128i)(u), (__m128i)(s))
#define DOT(sum, u, s) (INTS) _mm256_dpbusd_avx_epi32((__m256i)(sum), (__m256i)(u), (__m256i)(s))
#include "int8_convolution_template.h"

#define SUFFIX avx2
#define TARGET CK_AVX2
#define WIDTH 8
#define ROWS 4
#define WIDE 2
#define CELLS(x, stride) (INTS) cells_256(x, stride)
#define ROW_PAIRS(x, y) (LANES) _mm256_madd_epi16((__m256i)(x), (__m256i)(y))
#define PAIRS(x, y) (INTS) _mm256_madd_epi16((__m256i)(x), (__m256i)(y))
#include "int8_convolution_template.h"
#endif

#if defined(__x86_64__)
#define PAIRS(x, y) (INTS) _mm_madd_epi16((__m128i)(x), (__m128i)(y))
#else
// Sums of products of the lower and of the upper halves of each number.
#define PAIRS(x, y)                                           \
  ((((INTS)(x) << 16) >> 16) * (((INTS)(y) << 16) >> 16) +    \
   ((INTS)(x) >> 16) * ((INTS)(y) >> 16))
#endif

typedef uint8_t sixteen_bytes __attribute__((vector_size(16), aligned(1)));
static inline sixteen_bytes cells_128(const uint8_t *x, const int stride) {
  const sixteen_bytes v = *(const sixteen_bytes *)x;
  return stride == 1
             ? __builtin_shufflevector(v, v, 0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6)
             : __builtin_shufflevector(v, v, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9);
}

#define CELLS(x, stride) (INTS) cells_128(x, stride)
#define SUFFIX portable
#define TARGET
#define WIDTH 4
#define ROWS 4
#define WIDE 2
#include "int8_convolution_template.h"

ptrdiff_t ck_int8_maps(void) { return CK_PER_DOTS(8, 8, 4, 4, 4); }
ptrdiff_t ck_int8_places(void) { return CK_PER_DOTS(48, 32, 16, 16, 8); }

void ck_int8_convolve(const ck_direct *shape, const uint32_t *packed, ptrdiff_t rows,
                      const uint32_t *x, ptrdiff_t first, ptrdiff_t count, void *y,
                      const ck_int8_results *results) {
  CK_PER_DOTS(convolve_avx512vnni, convolve_avx512, convolve_avxvnni, convolve_avx2, convolve_portable)
  (shape, packed, rows, x, first, count, y, results);
}

void ck_int8_convolve_depthwise(const ck_window *window, ptrdiff_t maps, ptrdiff_t per_channel,
                                ptrdiff_t first, ptrdiff_t last, const uint8_t *x, uint8_t flip,
                                uint8_t zero, const uint32_t *packed, const uint32_t *ones, void *y,
                                const ck_int8_results *results, uint32_t *scratch) {
  void (*const convolve)(const ck_int8_depthwise *, const uint8_t *, const uint32_t *, void *,
                         const void *, const ck_int8_results *) =
      CK_PER_DOTS(depthwise_avx512vnni, depthwise_avx512, depthwise_avxvnni, depthwise_avx2,
             depthwise_portable);
  const ck_int8_depthwise shape = ck_int8_depthwise_shape(window);
  const ptrdiff_t taps = ck_int8_taps_count(window->kernel[1], window->kernel[2]);
  const ptrdiff_t outputs = shape.rows * shape.width, size = results->scale ? 1 : 4;
  const ptrdiff_t input = window->input[1] * window->input[2];
  uint8_t *const image = (uint8_t *)scratch;
  int32_t *const windows = (int32_t *)scratch + ck_int8_depthwise_scratch(window, 0);
  memset(image, zero, (size_t)ck_int8_depthwise_scratch(window, 0) * 4);
  ptrdiff_t copied = -1;
  for (ptrdiff_t i = first; i < last; i++) {
    const ptrdiff_t map = i % maps, channel = i / per_channel;
    ck_int8_results own = {.start = results->start + map, .zero_y = results->zero_y,
                           .low = results->low, .high = results->high};
    if (results->scale) own.scale = results->scale + map;
    if (copied != channel) {
      copied = channel;
      ck_int8_copy_channel(window, x + channel * input, flip, image);
      if (ones) {
        const int32_t none = 0;
        const ck_int8_results sums = {.start = &none};
        convolve(&shape, image, ones, windows, windows + outputs + 15, &sums);
      }
    }
    if (ones) own.zero = results->zero + map, own.windows = windows;
    convolve(&shape, image, packed + map * taps, (uint8_t *)y + i * outputs * size,
             (uint8_t *)y + last * outputs * size, &own);
  }
}

// The number of 4-byte units in the packed weights of a cell.
static inline ptrdiff_t units(void) { return CK_PER_DOTS(1, 2, 1, 2, 2); }

ptrdiff_t ck_int8_maps_count(ptrdiff_t channels, ptrdiff_t taps) {
  return (channels + 3) / 4 * taps * ck_int8_maps() * units();
}

ptrdiff_t ck_int8_taps_count(ptrdiff_t rows, ptrdiff_t columns) {
  return rows * ((columns + 3) / 4) * units();
}

// Packs up to four weights, `stride` apart; the others are 0. Adds those that exist to `sum`.
static uint32_t *pack_cell(const uint8_t *x, ptrdiff_t stride, ptrdiff_t count, uint8_t flip,
                           uint32_t *packed, int32_t *sum) {
  int8_t cell[4] = {0};
  for (ptrdiff_t c = 0; c < least(count, 4); c++) {
    cell[c] = (int8_t)(x[c * stride] ^ flip);
    *sum += cell[c];
  }
  if (units() == 1) {
    memcpy(packed, cell, 4);
    return packed + 1;
  }
  const int16_t halves[4] = {cell[0], cell[2], cell[1], cell[3]};
  memcpy(packed, halves, 8);
  return packed + 2;
}

void ck_int8_pack_maps(const uint8_t *x, ptrdiff_t rows, ptrdiff_t channels, ptrdiff_t taps,
                       uint8_t flip, uint32_t *packed, int32_t *sums) {
  const ptrdiff_t block = ck_int8_maps();
  int32_t none = 0;
  for (ptrdiff_t m = 0; m < rows; m++) sums[m] = 0;
  for (ptrdiff_t c = 0; c < channels; c += 4) {
    for (ptrdiff_t tap = 0; tap < taps; tap++) {
      for (ptrdiff_t m = 0; m < rows; m++)
        packed = pack_cell(x + (m * channels + c) * taps + tap, taps, channels - c, flip, packed,
                           sums + m);
      for (ptrdiff_t m = rows; m < block; m++) packed = pack_cell(x, 0, 0, 0, packed, &none);
    }
  }
}

void ck_int8_pack_taps(const uint8_t *x, ptrdiff_t rows, ptrdiff_t columns, uint8_t flip,
                       uint32_t *packed, int32_t *sum) {
  *sum = 0;
  for (ptrdiff_t r = 0; r < rows; r++) {
    for (ptrdiff_t c = 0; c < columns; c += 4)
      packed = pack_cell(x + r * columns + c, 1, columns - c, flip, packed, sum);
  }
}
