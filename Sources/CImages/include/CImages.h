#ifndef CIMAGES_H
#define CIMAGES_H

#include <stddef.h>
#include <stdint.h>

// Thin wrappers of libpng and libjpeg, which catch the long jumps of their errors, and of libtiff,
// libwebp and libopenjp2, which are loaded when a picture first needs them.

/// A picture of 8-bit samples: rows from top to bottom, the samples of a pixel side by side.
typedef struct {
  uint32_t width;
  uint32_t height;
  /// 1 for grey, 3 for RGB.
  uint32_t channels;
  /// Allocated by `malloc`; the caller frees it.
  uint8_t *pixels;
} ci_image;

/// An error message, often the library's own.
typedef struct {
  char text[256];
} ci_message;

/// Decodes a PNG file in memory. Transparency is dropped, 16 bits become 8.
/// Returns 0, or -1 with a message and nothing allocated.
int ci_decode_png(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message);

/// Decodes a JPEG file in memory: baseline or progressive; grey, RGB, YCbCr, CMYK, YCCK.
/// Returns 0, or -1 with a message and nothing allocated.
int ci_decode_jpeg(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message);

/// Decodes the first picture of a TIFF file in memory, rotated as the file says. Transparency is
/// dropped, 16 bits become 8.
/// Returns 0, or -1 with a message and nothing allocated.
int ci_decode_tiff(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message);

/// Decodes a WebP file in memory: the first frame of an animation. Transparency is dropped.
/// Returns 0, or -1 with a message and nothing allocated.
int ci_decode_webp(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message);

/// Decodes a JPEG 2000 file (JP2) or codestream in memory: grey, RGB, YCbCr. Transparency is
/// dropped; any precision becomes 8 bits.
/// Returns 0, or -1 with a message and nothing allocated.
int ci_decode_jpeg2000(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message);

/// Encodes an image as a PNG file in memory allocated by `malloc`; the caller frees it.
/// Returns 0, or -1 with a message and nothing allocated.
int ci_encode_png(const ci_image *image, uint8_t **data, size_t *size, ci_message *message);

#endif
