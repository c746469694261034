#include "message.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

// A progressive file can make the decoder process the whole picture any number of times.
enum { scan_limit = 100 };

typedef struct {
  struct jpeg_error_mgr base;
  jmp_buf jump;
  ci_message *message;
} errors;

_Noreturn static void fail(j_common_ptr common, const char *text) {
  errors *state = (errors *)common->err;
  ci_fail(state->message, text);
  longjmp(state->jump, 1);
}

static void on_error(j_common_ptr common) {
  char text[JMSG_LENGTH_MAX];
  common->err->format_message(common, text);
  fail(common, text);
}

/// Treats corrupt data, which the decoder would replace by grey, as an error.
static void on_message(j_common_ptr common, int level) {
  if (level >= 0) return;
  switch (common->err->msg_code) {
    case JWRN_JPEG_EOF: fail(common, "the file is truncated");
    case JWRN_HIT_MARKER: fail(common, "the data is corrupt");
    default: break;
  }
}

static void on_progress(j_common_ptr common) {
  if (((j_decompress_ptr)common)->input_scan_number > scan_limit) fail(common, "the file has more than 100 scans");
}

/// Converts CMYK to RGB. Adobe's files hold 255 - ink.
static void convert_cmyk(uint8_t *row, const uint8_t *inks, uint32_t width, int inverted) {
  for (uint32_t x = 0; x < width; x++) {
    unsigned black = inverted ? inks[4 * x + 3] : 255u - inks[4 * x + 3];
    for (int c = 0; c < 3; c++) {
      unsigned light = inverted ? inks[4 * x + c] : 255u - inks[4 * x + c];
      row[3 * x + c] = (uint8_t)((light * black + 127) / 255);
    }
  }
}

/// Reads the header and sets the decoder's output to grey, RGB or CMYK.
static int start(j_decompress_ptr jpeg, uint64_t limit, ci_image *image, ci_message *message) {
  jpeg_read_header(jpeg, TRUE);
  image->width = jpeg->image_width;
  image->height = jpeg->image_height;
  if (ci_check_size(image->width, image->height, limit, message) != 0) return -1;
  switch (jpeg->jpeg_color_space) {
    case JCS_GRAYSCALE: jpeg->out_color_space = JCS_GRAYSCALE; break;
    case JCS_CMYK:
    case JCS_YCCK: jpeg->out_color_space = JCS_CMYK; break;
    default: jpeg->out_color_space = JCS_RGB; break;
  }
  jpeg->dct_method = JDCT_ISLOW;
  jpeg_start_decompress(jpeg);
  image->channels = jpeg->out_color_space == JCS_GRAYSCALE ? 1 : 3;
  return 0;
}

int ci_decode_jpeg(
    const uint8_t *data, size_t size, uint64_t pixel_limit, ci_image *image, ci_message *message) {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_progress_mgr progress = {.progress_monitor = on_progress};
  errors state;
  uint8_t *volatile pixels = NULL;
  uint8_t *volatile inks = NULL;
  memset(image, 0, sizeof *image);
  memset(&jpeg, 0, sizeof jpeg);
  if (size > (unsigned long)-1) return ci_fail(message, "the file is too large");

  jpeg.err = jpeg_std_error(&state.base);
  state.base.error_exit = on_error;
  state.base.emit_message = on_message;
  state.message = message;
  if (setjmp(state.jump)) {
    jpeg_destroy_decompress(&jpeg);
    free(pixels);
    free(inks);
    return -1;
  }
  jpeg_create_decompress(&jpeg);
  jpeg.progress = &progress;
  jpeg_mem_src(&jpeg, data, size);
  if (start(&jpeg, pixel_limit, image, message) != 0) {
    jpeg_destroy_decompress(&jpeg);
    return -1;
  }
  size_t row_bytes = (size_t)image->width * image->channels;
  pixels = malloc(row_bytes * image->height);
  inks = jpeg.out_color_space == JCS_CMYK ? malloc((size_t)image->width * 4) : NULL;
  if (pixels == NULL || (jpeg.out_color_space == JCS_CMYK && inks == NULL)) {
    fail((j_common_ptr)&jpeg, "not enough memory for the pixels");
  }
  while (jpeg.output_scanline < jpeg.output_height) {
    uint8_t *row = pixels + row_bytes * jpeg.output_scanline;
    JSAMPROW target = inks != NULL ? inks : row;
    if (jpeg_read_scanlines(&jpeg, &target, 1) != 1) fail((j_common_ptr)&jpeg, "rows are missing");
    if (inks != NULL) convert_cmyk(row, inks, image->width, jpeg.saw_Adobe_marker);
  }
  jpeg_finish_decompress(&jpeg);
  jpeg_destroy_decompress(&jpeg);
  free(inks);
  image->pixels = pixels;
  return 0;
}
