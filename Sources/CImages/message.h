#include "CImages.h"

#include <stdio.h>

/// Sets the error message. Always returns -1.
static inline int ci_fail(ci_message *message, const char *text) {
  snprintf(message->text, sizeof message->text, "%s", text);
  return -1;
}

/// Returns 0 for a size within the limit; sets the error message and returns -1 for any other.
static inline int ci_check_size(
    uint64_t width, uint64_t height, uint64_t pixel_limit, ci_message *message) {
  if (width == 0 || height == 0) return ci_fail(message, "the picture has no pixels");
  if (width <= pixel_limit && height <= pixel_limit / width) return 0;
  snprintf(
      message->text, sizeof message->text,
      "%llu x %llu pixels exceed the limit of %llu pixels", (unsigned long long)width,
      (unsigned long long)height, (unsigned long long)pixel_limit);
  return -1;
}
