#include "onnxc.h"
#include "onnxc_error.h"

#include <string.h>

static _Thread_local char last_error[4096];
static _Thread_local int32_t last_kind;

void onnxc_set_last_error(int32_t kind, const char *message) {
  last_kind = kind;
  size_t length = strlen(message);
  if (length >= sizeof last_error) {
    length = sizeof last_error - 1;
    // Do not cut inside a character, whose later bytes are 10xxxxxx.
    while (length > 0 && (message[length] & 0xC0) == 0x80) length--;
  }
  memcpy(last_error, message, length);
  last_error[length] = 0;
}

const char *onnx_last_error(void) { return last_error; }

int32_t onnx_last_error_kind(void) { return last_kind; }
