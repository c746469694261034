#ifndef CK_WINDOW_H
#define CK_WINDOW_H

#include <stddef.h>

// The windows of a convolution or pooling on one image [z, y, x], x contiguous. Along an axis,
// window o begins at o * stride - pad and has `kernel` elements that are `dilation` apart; elements
// outside 0..<input are padding.
typedef struct {
  ptrdiff_t input[3], output[3], kernel[3], stride[3], dilation[3], pad[3];
} ck_window;

#endif
