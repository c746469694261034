#include "message.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const uint8_t *next;
  size_t left;
} source;

typedef struct {
  uint8_t *data;
  size_t size, capacity;
} sink;

static void on_error(png_structp png, png_const_charp text) {
  ci_fail(png_get_error_ptr(png), text);
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void read_bytes(png_structp png, png_bytep bytes, size_t count) {
  source *from = png_get_io_ptr(png);
  if (count > from->left) png_error(png, "the file is truncated");
  memcpy(bytes, from->next, count);
  from->next += count;
  from->left -= count;
}

static void write_bytes(png_structp png, png_bytep bytes, size_t count) {
  sink *to = png_get_io_ptr(png);
  if (count > to->capacity - to->size) {
    size_t capacity = to->capacity * 2 + count + 4096;
    uint8_t *data = realloc(to->data, capacity);
    if (data == NULL) png_error(png, "not enough memory for the file");
    to->data = data;
    to->capacity = capacity;
  }
  memcpy(to->data + to->size, bytes, count);
  to->size += count;
}

static void flush_bytes(png_structp png) { (void)png; }

/// Reads the header and sets the output to 8-bit grey or RGB.
static int start(png_structp png, png_infop info, uint64_t limit, ci_image *image,
                 ci_message *message) {
  png_read_info(png, info);
  image->width = png_get_image_width(png, info);
  image->height = png_get_image_height(png, info);
  if (ci_check_size(image->width, image->height, limit, message) != 0) return -1;
  png_set_expand(png);
  png_set_scale_16(png);
  png_set_strip_alpha(png);
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  image->channels = png_get_channels(png, info);
  if (png_get_bit_depth(png, info) != 8 || (image->channels != 1 && image->channels != 3) ||
      png_get_rowbytes(png, info) != (size_t)image->width * image->channels) {
    return ci_fail(message, "the pixel format is not supported");
  }
  return passes;
}

int ci_decode_png(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message) {
  source from = {data, size};
  uint8_t *volatile pixels = NULL;
  memset(image, 0, sizeof *image);
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, message, on_error, on_warning);
  if (png == NULL) return ci_fail(message, "not enough memory for the decoder");
  png_infop info = png_create_info_struct(png);
  if (info == NULL) {
    png_destroy_read_struct(&png, NULL, NULL);
    return ci_fail(message, "not enough memory for the decoder");
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, NULL);
    free(pixels);
    return -1;
  }
  png_set_user_limits(png, 0x7FFFFFFF, 0x7FFFFFFF);
  png_set_chunk_malloc_max(png, 8 << 20);
  png_set_chunk_cache_max(png, 64);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
  png_set_read_fn(png, &from, read_bytes);

  int passes = start(png, info, pixel_limit, image, message);
  if (passes < 0) {
    png_destroy_read_struct(&png, &info, NULL);
    return -1;
  }
  size_t row_bytes = (size_t)image->width * image->channels;
  pixels = malloc(row_bytes * image->height);
  if (pixels == NULL) png_error(png, "not enough memory for the pixels");
  for (int pass = 0; pass < passes; pass++) {
    for (uint32_t row = 0; row < image->height; row++) {
      png_read_row(png, pixels + row_bytes * row, NULL);
    }
  }
  png_read_end(png, NULL);
  png_destroy_read_struct(&png, &info, NULL);
  image->pixels = pixels;
  return 0;
}

int ci_encode_png(const ci_image *image, uint8_t **data, size_t *size, ci_message *message) {
  sink to = {NULL, 0, 0};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, message, on_error, on_warning);
  if (png == NULL) return ci_fail(message, "not enough memory for the encoder");
  png_infop info = png_create_info_struct(png);
  if (info == NULL) {
    png_destroy_write_struct(&png, NULL);
    return ci_fail(message, "not enough memory for the encoder");
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_write_struct(&png, &info);
    // libpng writes through its pointer to this variable, so a long jump cannot leave it stale.
    free(((volatile sink *)&to)->data);
    return -1;
  }
  png_set_write_fn(png, &to, write_bytes, flush_bytes);
  png_set_IHDR(
      png, info, image->width, image->height, 8,
      image->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
      PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  size_t row_bytes = (size_t)image->width * image->channels;
  for (uint32_t row = 0; row < image->height; row++) {
    png_write_row(png, image->pixels + row_bytes * row);
  }
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  *data = to.data;
  *size = to.size;
  return 0;
}
