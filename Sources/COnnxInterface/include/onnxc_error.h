/// For the implementation of `onnxc.h` alone.
#ifndef ONNXC_ERROR_H
#define ONNXC_ERROR_H

/// Keeps a copy of the message, cut where it is long, for this thread's `onnx_last_error`.
void onnxc_set_last_error(const char *message);

#endif
