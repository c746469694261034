#ifndef CK_INT8_CELLS_H
#define CK_INT8_CELLS_H

#include "ck_int8_convolution.h"

// Copies a channel into an image whose bytes were set to the zero point; those around the channel
// are kept. Bytes are x ^ flip.
void ck_int8_copy_channel(const ck_window *window, const uint8_t *x, uint8_t flip, uint8_t *y);

#endif
