/// Internal to the implementation of `onnxc.h`.
#ifndef ONNXC_ERROR_H
#define ONNXC_ERROR_H

/// Keeps a copy of the message for this thread's `onnx_last_error`, cut to 4095 bytes.
void onnxc_set_last_error(const char *message);

#endif
