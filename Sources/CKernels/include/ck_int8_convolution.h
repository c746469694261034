#ifndef CK_INT8_CONVOLUTION_H
#define CK_INT8_CONVOLUTION_H

#include <stddef.h>
#include <stdint.h>

#include "ck_direct.h"

#pragma clang assume_nonnull begin

// Convolution of 8-bit integers with exact sums, modulo 2^32.
//
// Images are copied into phases (see ck_direct.h) of cells. A cell is one place of four adjacent
// channels in 4 bytes, which are unsigned. The weights of four channels are multiplied by a cell at
// once; they are signed, and packed in blocks of output channels.

/// The number of output channels in a block of packed weights.
ptrdiff_t ck_int8_maps(void);
/// The number of places that are computed at once.
ptrdiff_t ck_int8_places(void);

/// Copies 1 to 4 channels, which are the elements of an image apart, with their padding into phases
/// of cells. Bytes are x ^ flip, the padding is `zero`.
void ck_int8_copy_cells(const ck_window *window, const ck_phases *phases, const uint8_t *x,
                        ptrdiff_t channels, uint8_t flip, uint8_t zero, uint32_t *y);

/// The size of a block of packed weights, in units of 4 bytes.
ptrdiff_t ck_int8_maps_count(ptrdiff_t channels, ptrdiff_t taps);

/// Packs the weights [rows, channels, taps] of a block as [cell, tap, row]. The signed numbers are
/// x ^ flip; sums[row] is the sum of those of a row.
void ck_int8_pack_maps(const uint8_t *x, ptrdiff_t rows, ptrdiff_t channels, ptrdiff_t taps,
                       uint8_t flip, uint32_t *packed, int32_t *sums);

/// The steps from sums to results.
typedef struct {
  const int32_t *start;           // added to the sums of each row
  const int32_t *_Nullable zero;  // the zero point of the weights of each row
  const int32_t *_Nullable windows;  // the sums of the windows, by place, if zero points are not 0
  const float *_Nullable scale;   // of each row; NULL if results are sums
  int32_t zero_y, low, high;      // y = min(max(round(sum * scale) + zero_y, low), high)
} ck_int8_results;

/// Computes places first..<first + count of `rows` output channels. x points to place 0. y and the
/// members of `results` point to the first channel; elements of y are int32, or bytes if there is a
/// scale. The image is read up to 63 cells past the last factor of the last place.
void ck_int8_convolve(const ck_direct *shape, const uint32_t *packed, ptrdiff_t rows,
                      const uint32_t *x, ptrdiff_t first, ptrdiff_t count, void *y,
                      const ck_int8_results *results);

// The shape of a depthwise convolution, whose cells are four adjacent columns of the image.
typedef struct {
  ptrdiff_t rows, width;      // of the result
  ptrdiff_t line;             // bytes of a row of the copied image
  ptrdiff_t kernel, words;    // rows of the kernel; cells in each of them
  ptrdiff_t step, stride;     // rows and columns from one window to the next; stride is 1 or 2
  ptrdiff_t dilation;         // rows from one row of the kernel to the next
} ck_int8_depthwise;

/// The shape for windows with strides of 1 or 2 along x, dilation 1 along x, and one plane.
ck_int8_depthwise ck_int8_depthwise_shape(const ck_window *window);
/// The size of the memory that ck_int8_convolve_depthwise needs, in units of 4 bytes.
/// @param has_zeros whether zero points of weights may differ from 0
ptrdiff_t ck_int8_depthwise_scratch(const ck_window *window, int has_zeros);

/// The size of the packed weights of a channel, in units of 4 bytes.
ptrdiff_t ck_int8_taps_count(ptrdiff_t rows, ptrdiff_t columns);
/// Packs a kernel of one channel. `sum` is the sum of the signed numbers x ^ flip.
void ck_int8_pack_taps(const uint8_t *x, ptrdiff_t rows, ptrdiff_t columns, uint8_t flip,
                       uint32_t *packed, int32_t *sum);

/// Computes the results first..<last of a batch of `maps` output channels, of which each channel of
/// the image has `per_channel`. Bytes of x become x ^ flip, the padding is `zero`; x, y, `packed` and
/// `results` begin with the first channel. `ones` are packed weights of 1 if zero points of weights
/// may differ from 0; results->windows is ignored.
void ck_int8_convolve_depthwise(const ck_window *window, ptrdiff_t maps, ptrdiff_t per_channel,
                                ptrdiff_t first, ptrdiff_t last, const uint8_t *x, uint8_t flip,
                                uint8_t zero, const uint32_t *packed,
                                const uint32_t *_Nullable ones, void *y,
                                const ck_int8_results *results, uint32_t *scratch);

#pragma clang assume_nonnull end

#endif
