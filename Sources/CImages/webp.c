#include "library.h"
#include "message.h"

#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#define FUNCTIONS(F) F(WebPGetFeaturesInternal) F(WebPDecodeRGBInto)
CI_LIBRARY(library, "libwebp.so.7", FUNCTIONS)

#define FRAME_FUNCTIONS(F) \
  F(WebPDemuxInternal) F(WebPDemuxGetFrame) F(WebPDemuxReleaseIterator) F(WebPDemuxDelete)
CI_LIBRARY(frames, "libwebpdemux.so.2", FRAME_FUNCTIONS)

static const char *text(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY: return "not enough memory for the pixels";
    case VP8_STATUS_UNSUPPORTED_FEATURE: return "this kind of WebP is not supported";
    case VP8_STATUS_NOT_ENOUGH_DATA: return "the file is truncated";
    default: return "the data is corrupt";
  }
}

/// Decodes a frame into the picture at a position.
static int decode(
    const uint8_t *data, size_t size, const ci_image *image, uint32_t x, uint32_t y,
    ci_message *message) {
  WebPBitstreamFeatures found;
  VP8StatusCode status =
      library.WebPGetFeaturesInternal(data, size, &found, WEBP_DECODER_ABI_VERSION);
  if (status != VP8_STATUS_OK) return ci_fail(message, text(status));
  uint64_t right = (uint64_t)x + (uint32_t)found.width;
  uint64_t bottom = (uint64_t)y + (uint32_t)found.height;
  if (found.width <= 0 || found.height <= 0 || right > image->width || bottom > image->height) {
    return ci_fail(message, "the frame extends beyond the picture");
  }
  size_t stride = (size_t)image->width * 3;
  size_t start = y * stride + (size_t)x * 3;
  // The last row ends with the frame.
  size_t room = stride * ((size_t)found.height - 1) + (size_t)found.width * 3;
  if (stride > INT32_MAX ||
      library.WebPDecodeRGBInto(data, size, image->pixels + start, room, (int)stride) == NULL) {
    return ci_fail(message, "the data is corrupt");
  }
  return 0;
}

/// Decodes the first frame of an animation on a black canvas.
static int decode_first_frame(
    const uint8_t *data, size_t size, const ci_image *image, ci_message *message) {
  const char *problem = frames_open();
  if (problem != NULL) return ci_fail(message, problem);
  WebPData bytes = {data, size};
  WebPDemuxer *demuxer = frames.WebPDemuxInternal(&bytes, 0, NULL, WEBP_DEMUX_ABI_VERSION);
  if (demuxer == NULL) return ci_fail(message, "the frames are corrupt");
  WebPIterator frame;
  memset(&frame, 0, sizeof frame);
  int status = -1;
  if (frames.WebPDemuxGetFrame(demuxer, 1, &frame) && frame.x_offset >= 0 && frame.y_offset >= 0) {
    status = decode(
        frame.fragment.bytes, frame.fragment.size, image, (uint32_t)frame.x_offset,
        (uint32_t)frame.y_offset, message);
  } else {
    ci_fail(message, "the file has no frame");
  }
  frames.WebPDemuxReleaseIterator(&frame);
  frames.WebPDemuxDelete(demuxer);
  return status;
}

int ci_decode_webp(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message) {
  memset(image, 0, sizeof *image);
  const char *problem = library_open();
  if (problem != NULL) return ci_fail(message, problem);
  WebPBitstreamFeatures found;
  VP8StatusCode status =
      library.WebPGetFeaturesInternal(data, size, &found, WEBP_DECODER_ABI_VERSION);
  if (status != VP8_STATUS_OK) return ci_fail(message, text(status));
  if (found.width < 0 || found.height < 0) return ci_fail(message, "the size is invalid");
  image->width = (uint32_t)found.width;
  image->height = (uint32_t)found.height;
  image->channels = 3;
  if (ci_check_size(image->width, image->height, pixel_limit, message) != 0) return -1;
  image->pixels = calloc((size_t)image->width * image->height, 3);
  if (image->pixels == NULL) return ci_fail(message, "not enough memory for the pixels");
  int result = found.has_animation ? decode_first_frame(data, size, image, message)
                                   : decode(data, size, image, 0, 0, message);
  if (result != 0) {
    free(image->pixels);
    image->pixels = NULL;
  }
  return result;
}
