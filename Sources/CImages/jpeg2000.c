#include "library.h"
#include "message.h"

#include <stdlib.h>
#include <string.h>

#if __has_include(<openjpeg.h>)
#include <openjpeg.h>
#elif __has_include(<openjpeg-2.5/openjpeg.h>)
#include <openjpeg-2.5/openjpeg.h>
#else
#include <openjpeg-2.4/openjpeg.h>
#endif

#define FUNCTIONS(F)                                                                          \
  F(opj_create_decompress) F(opj_decode) F(opj_destroy_codec) F(opj_end_decompress)           \
  F(opj_image_destroy) F(opj_read_header) F(opj_set_default_decoder_parameters)               \
  F(opj_set_error_handler) F(opj_setup_decoder) F(opj_stream_create) F(opj_stream_destroy)    \
  F(opj_stream_set_read_function) F(opj_stream_set_seek_function)                             \
  F(opj_stream_set_skip_function) F(opj_stream_set_user_data)                                 \
  F(opj_stream_set_user_data_length)
CI_LIBRARY(library, "libopenjp2.so.7", FUNCTIONS)

typedef struct {
  const uint8_t *data;
  size_t size, place;
} source;

static OPJ_SIZE_T on_read(void *bytes, OPJ_SIZE_T count, void *data) {
  source *from = data;
  size_t left = from->size - from->place;
  if (left == 0) return (OPJ_SIZE_T)-1;
  size_t got = count < left ? count : left;
  memcpy(bytes, from->data + from->place, got);
  from->place += got;
  return got;
}

static OPJ_OFF_T on_skip(OPJ_OFF_T count, void *data) {
  source *from = data;
  if (count < 0) return -1;
  size_t left = from->size - from->place;
  size_t step = (uint64_t)count < left ? (size_t)count : left;
  from->place += step;
  return (OPJ_OFF_T)step;
}

static OPJ_BOOL on_seek(OPJ_OFF_T place, void *data) {
  source *from = data;
  if (place < 0 || (uint64_t)place > from->size) return OPJ_FALSE;
  from->place = (size_t)place;
  return OPJ_TRUE;
}

/// Keeps the first error, without its line feed.
static void on_error(const char *text, void *data) {
  ci_message *message = data;
  if (message->text[0] != 0) return;
  ci_fail(message, text);
  message->text[strcspn(message->text, "\r\n")] = 0;
}

/// Converts a sample to 8 bits.
static uint8_t byte(int64_t sample, const opj_image_comp_t *part) {
  int64_t most = ((int64_t)1 << part->prec) - 1;
  if (part->sgnd) sample += (int64_t)1 << (part->prec - 1);
  sample = sample < 0 ? 0 : sample > most ? most : sample;
  if (part->prec == 8) return (uint8_t)sample;
  if (part->prec < 8) return (uint8_t)((sample * 255 + most / 2) / most);
  int64_t shift = part->prec - 8;
  sample = (sample + ((int64_t)1 << (shift - 1))) >> shift;
  return sample > 255 ? 255 : (uint8_t)sample;
}

static uint8_t clamped(double value) {
  return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)(value + 0.5);
}

/// Converts full-range YCbCr to RGB, in place.
static void convert_ycc(uint8_t *pixels, size_t count) {
  for (size_t i = 0; i < count; i++) {
    double y = pixels[3 * i], b = pixels[3 * i + 1] - 128.0, r = pixels[3 * i + 2] - 128.0;
    pixels[3 * i] = clamped(y + 1.402 * r);
    pixels[3 * i + 1] = clamped(y - 0.344136 * b - 0.714136 * r);
    pixels[3 * i + 2] = clamped(y + 1.772 * b);
  }
}

/// Interleaves the samples. The colour channels may be subsampled.
static int interleave(const opj_image_t *from, ci_image *image, ci_message *message) {
  size_t count = (size_t)image->width * image->height;
  image->pixels = malloc(count * image->channels);
  if (image->pixels == NULL) return ci_fail(message, "not enough memory for the pixels");
  for (uint32_t c = 0; c < image->channels; c++) {
    const opj_image_comp_t *part = &from->comps[c];
    for (uint32_t y = 0; y < image->height; y++) {
      const OPJ_INT32 *row = part->data + (size_t)((uint64_t)y * part->h / image->height) * part->w;
      uint8_t *target = image->pixels + (size_t)y * image->width * image->channels + c;
      for (uint32_t x = 0; x < image->width; x++) {
        size_t place = part->w == image->width ? x : (uint64_t)x * part->w / image->width;
        target[(size_t)x * image->channels] = byte(row[place], part);
      }
    }
  }
  int is_subsampled = from->comps[0].w != from->comps[image->channels - 1].w;
  if (image->channels == 3 && (from->color_space == OPJ_CLRSPC_SYCC || is_subsampled)) {
    convert_ycc(image->pixels, count);
  }
  return 0;
}

/// Checks the picture's size and channels, before (`is_decoded` 0) or after decoding.
static int check(
    const opj_image_t *from, uint64_t limit, int is_decoded, ci_image *image,
    ci_message *message) {
  if (from == NULL || from->numcomps < 1 || from->numcomps > 4 ||
      from->color_space == OPJ_CLRSPC_CMYK || from->color_space == OPJ_CLRSPC_EYCC) {
    return ci_fail(message, "the number of channels is not supported");
  }
  image->channels = from->numcomps < 3 ? 1 : 3;
  image->width = from->comps[0].w;
  image->height = from->comps[0].h;
  if (ci_check_size(image->width, image->height, limit, message) != 0) return -1;
  for (uint32_t c = 0; c < image->channels; c++) {
    const opj_image_comp_t *part = &from->comps[c];
    if (part->prec < 1 || part->prec > 31 || part->w < 1 || part->h < 1 ||
        part->w > image->width || part->h > image->height) {
      return ci_fail(message, "the number of channels is not supported");
    }
    if (is_decoded && part->data == NULL) return ci_fail(message, "the data is corrupt");
  }
  return 0;
}

static int decode(
    opj_codec_t *codec, opj_stream_t *stream, uint64_t limit, ci_image *image,
    ci_message *message) {
  opj_dparameters_t parameters;
  library.opj_set_default_decoder_parameters(&parameters);
  library.opj_set_error_handler(codec, on_error, message);
  opj_image_t *picture = NULL;
  int status = -1;
  if (library.opj_setup_decoder(codec, &parameters) &&
      library.opj_read_header(stream, codec, &picture) &&
      check(picture, limit, 0, image, message) == 0 &&
      library.opj_decode(codec, stream, picture) && library.opj_end_decompress(codec, stream) &&
      check(picture, limit, 1, image, message) == 0) {
    status = interleave(picture, image, message);
  }
  if (picture != NULL) library.opj_image_destroy(picture);
  if (status != 0 && message->text[0] == 0) ci_fail(message, "the data is corrupt");
  return status;
}

int ci_decode_jpeg2000(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message) {
  memset(image, 0, sizeof *image);
  message->text[0] = 0;
  const char *problem = library_open();
  if (problem != NULL) return ci_fail(message, problem);
  int is_codestream = size > 0 && data[0] == 0xFF;
  opj_codec_t *codec =
      library.opj_create_decompress(is_codestream ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
  size_t buffer = size < 4096 ? 4096 : size < (1 << 20) ? size : 1 << 20;
  opj_stream_t *stream = library.opj_stream_create(buffer, OPJ_TRUE);
  source from = {data, size, 0};
  int status = -1;
  if (codec == NULL || stream == NULL) {
    ci_fail(message, "not enough memory for the decoder");
  } else {
    library.opj_stream_set_user_data(stream, &from, NULL);
    library.opj_stream_set_user_data_length(stream, size);
    library.opj_stream_set_read_function(stream, on_read);
    library.opj_stream_set_skip_function(stream, on_skip);
    library.opj_stream_set_seek_function(stream, on_seek);
    status = decode(codec, stream, pixel_limit, image, message);
  }
  if (stream != NULL) library.opj_stream_destroy(stream);
  if (codec != NULL) library.opj_destroy_codec(codec);
  return status;
}
