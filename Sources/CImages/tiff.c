#include "library.h"
#include "message.h"

#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#define FUNCTIONS(F)                                                                          \
  F(TIFFClientOpenExt) F(TIFFClose) F(TIFFGetField) F(TIFFGetFieldDefaulted) F(TIFFIsTiled)   \
  F(TIFFOpenOptionsAlloc) F(TIFFOpenOptionsFree) F(TIFFOpenOptionsSetErrorHandlerExtR)        \
  F(TIFFOpenOptionsSetMaxSingleMemAlloc) F(TIFFOpenOptionsSetWarningHandlerExtR)              \
  F(TIFFReadRGBAImageOriented) F(TIFFRGBAImageOK) F(TIFFSetField) F(TIFFStripSize64)          \
  F(TIFFTileSize64)
CI_LIBRARY(library, "libtiff.so.6", FUNCTIONS)

typedef struct {
  const uint8_t *data;
  size_t size, place;
  ci_message *message;
} source;

static tmsize_t on_read(thandle_t handle, void *bytes, tmsize_t count) {
  source *from = handle;
  size_t left = from->place < from->size ? from->size - from->place : 0;
  size_t wanted = count < 0 ? 0 : (size_t)count;
  size_t got = wanted < left ? wanted : left;
  if (got > 0) memcpy(bytes, from->data + from->place, got);
  from->place += got;
  return (tmsize_t)got;
}

static tmsize_t on_write(thandle_t handle, void *bytes, tmsize_t count) {
  (void)handle;
  (void)bytes;
  (void)count;
  return 0;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence) {
  source *from = handle;
  uint64_t base = whence == SEEK_CUR ? from->place : whence == SEEK_END ? from->size : 0;
  // A position past the end is the end.
  from->place = base + offset < from->size ? (size_t)(base + offset) : from->size;
  return from->place;
}

static int on_close(thandle_t handle) {
  (void)handle;
  return 0;
}

static toff_t on_size(thandle_t handle) { return ((source *)handle)->size; }

/// Keeps the first error, which is the most specific.
static int on_error(
    TIFF *tiff, void *data, const char *module, const char *format, va_list arguments) {
  (void)tiff;
  (void)module;
  source *from = data;
  if (from->message->text[0] == 0) {
    vsnprintf(from->message->text, sizeof from->message->text, format, arguments);
  }
  return 1;
}

static int on_warning(
    TIFF *tiff, void *data, const char *module, const char *format, va_list arguments) {
  (void)tiff;
  (void)data;
  (void)module;
  (void)format;
  (void)arguments;
  return 1;
}

static TIFF *open_tiff(source *from) {
  TIFFOpenOptions *options = library.TIFFOpenOptionsAlloc();
  if (options == NULL) return NULL;
  library.TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, from);
  library.TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, from);
  library.TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)1 << 30);
  // No memory mapping, and no splitting of large strips.
  TIFF *tiff = library.TIFFClientOpenExt(
      "picture", "rmc", from, on_read, on_write, on_seek, on_close, on_size, NULL, NULL, options);
  library.TIFFOpenOptionsFree(options);
  return tiff;
}

/// Checks sizes that the library would allocate without a check.
static int check(TIFF *tiff, uint64_t limit, ci_image *image, ci_message *message) {
  uint16_t compression = 0, samples = 0, extra = 0, *kinds = NULL;
  if (!library.TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &image->width) ||
      !library.TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &image->height)) {
    return ci_fail(message, "the size is missing");
  }
  if (ci_check_size(image->width, image->height, limit, message) != 0) return -1;
  library.TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
  library.TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &samples);
  if (compression == COMPRESSION_OJPEG) return ci_fail(message, "old-style JPEG compression is not supported");
  if (samples == 0 || samples > 8) return ci_fail(message, "the number of channels is not supported");
  uint64_t part = library.TIFFIsTiled(tiff) ? library.TIFFTileSize64(tiff)
                                            : library.TIFFStripSize64(tiff);
  uint64_t whole = (uint64_t)image->width * image->height * samples * 8;
  if (part > whole + (16 << 20)) return ci_fail(message, "the strips or tiles are larger than the picture");
  char text[1024] = "";
  if (!library.TIFFRGBAImageOK(tiff, text)) return ci_fail(message, text);
  // Keeps colours as they are: transparency is dropped, not multiplied in.
  library.TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extra, &kinds);
  uint16_t associated[8] = {EXTRASAMPLE_ASSOCALPHA};
  if (extra > 0 && extra <= 8 && kinds != NULL && kinds[0] == EXTRASAMPLE_UNASSALPHA) {
    library.TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, extra, associated);
  }
  uint16_t meaning = 0;
  library.TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &meaning);
  image->channels =
      meaning == PHOTOMETRIC_MINISBLACK || meaning == PHOTOMETRIC_MINISWHITE ? 1 : 3;
  return 0;
}

int ci_decode_tiff(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message) {
  memset(image, 0, sizeof *image);
  message->text[0] = 0;
  const char *problem = library_open();
  if (problem != NULL) return ci_fail(message, problem);
  source from = {data, size, 0, message};
  TIFF *tiff = open_tiff(&from);
  if (tiff == NULL) return message->text[0] ? -1 : ci_fail(message, "not a TIFF file");
  if (check(tiff, pixel_limit, image, message) != 0) {
    library.TIFFClose(tiff);
    return -1;
  }
  size_t count = (size_t)image->width * image->height;
  uint32_t *raster = malloc(count * sizeof *raster);
  if (raster == NULL) {
    library.TIFFClose(tiff);
    return ci_fail(message, "not enough memory for the pixels");
  }
  int is_read = library.TIFFReadRGBAImageOriented(
      tiff, image->width, image->height, raster, ORIENTATION_TOPLEFT, 1);
  library.TIFFClose(tiff);
  if (!is_read) {
    free(raster);
    return message->text[0] ? -1 : ci_fail(message, "the data is corrupt");
  }
  // In place: pixel `i` is written at or before the position that it is read from.
  uint8_t *pixels = (uint8_t *)raster;
  for (size_t i = 0; i < count; i++) {
    uint32_t pixel;
    memcpy(&pixel, pixels + 4 * i, 4);
    if (image->channels == 1) {
      pixels[i] = TIFFGetR(pixel);
    } else {
      pixels[3 * i] = TIFFGetR(pixel);
      pixels[3 * i + 1] = TIFFGetG(pixel);
      pixels[3 * i + 2] = TIFFGetB(pixel);
    }
  }
  image->pixels = pixels;
  return 0;
}
