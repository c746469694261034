#ifndef CIMAGES_H
#define CIMAGES_H

#include <stddef.h>
#include <stdint.h>

// Thin shims over libpng and libjpeg, whose errors are long jumps: none leaves these functions; and
// over libtiff, libwebp and libopenjp2, which are opened when a picture first needs them.

/// Rows from top to bottom, samples of a pixel side by side, 8 bits each.
typedef struct {
  uint32_t width;
  uint32_t height;
  /// 1 for grey, 3 for red, green, blue.
  uint32_t channels;
  /// From `malloc`; the caller frees it.
  uint8_t *pixels;
} ci_image;

/// What went wrong, in the library's own words.
typedef struct {
  char text[256];
} ci_message;

/// Decodes a PNG file in memory. Transparency is dropped, 16 bits become 8.
/// Returns 0, or -1 with `message` filled; nothing is allocated then.
int ci_decode_png(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message);

/// Decodes a JPEG file in memory: baseline or progressive; grey, RGB, YCbCr, CMYK, YCCK.
/// Returns 0, or -1 with `message` filled; nothing is allocated then.
int ci_decode_jpeg(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message);

/// Decodes the first picture of a TIFF file in memory, the way it is to be held. Transparency is
/// dropped, 16 bits become 8.
/// Returns 0, or -1 with `message` filled; nothing is allocated then.
int ci_decode_tiff(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message);

/// Decodes a WebP file in memory, of a moving picture the first frame. Transparency is dropped.
/// Returns 0, or -1 with `message` filled; nothing is allocated then.
int ci_decode_webp(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message);

/// Decodes a JPEG 2000 file (JP2) or codestream in memory: grey, RGB, YCbCr. Transparency is
/// dropped; any precision becomes 8 bits.
/// Returns 0, or -1 with `message` filled; nothing is allocated then.
int ci_decode_jpeg2000(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message);

/// Encodes an image as a PNG file in memory, from `malloc`; the caller frees it.
/// Returns 0, or -1 with `message` filled; nothing is allocated then.
int ci_encode_png(const ci_image *image, uint8_t **data, size_t *size, ci_message *message);

#endif
