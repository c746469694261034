/// Internal to the implementation of `onnxc.h`.
#ifndef ONNXC_ERROR_H
#define ONNXC_ERROR_H

#include <stdint.h>

/// Keeps a copy of the message, cut to 4095 bytes, and its kind for this thread's `onnx_last_error`.
void onnxc_set_last_error(int32_t kind, const char *message);

#endif
