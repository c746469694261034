#ifndef CK_HALVING_H
#define CK_HALVING_H

#include "ck_window.h"

// Whether the windows are 2 × 2 elements and do not overlap.
static inline int is_halving(const ck_window *w) {
  for (int axis = 1; axis < 3; axis++)
    if (w->kernel[axis] != 2 || w->stride[axis] != 2 || w->dilation[axis] != 1 || w->pad[axis] ||
        2 * w->output[axis] > w->input[axis])
      return 0;
  return w->kernel[0] == 1 && w->stride[0] == 1 && !w->pad[0] && w->output[0] == w->input[0];
}

#endif
