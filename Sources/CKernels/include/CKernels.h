// Loops that need instruction-set dispatch, and a few system calls that Swift does not import.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "ck_attention.h"
#include "ck_bfloat16.h"
#include "ck_binary.h"
#include "ck_blocked.h"
#include "ck_byte_maps.h"
#include "ck_bytes.h"
#include "ck_convert.h"
#include "ck_convolution.h"
#include "ck_correlation.h"
#include "ck_direct.h"
#include "ck_elementwise.h"
#include "ck_network_gradients.h"
#include "ck_reduce.h"
#include "ck_softmax.h"
#include "ck_quantize.h"
#include "ck_recurrent.h"
#include "ck_recurrent_cells.h"
#include "ck_machine.h"
#include "ck_math_grad.h"
#include "ck_outer.h"
#include "ck_int8.h"
#include "ck_int8_convolution.h"
#include "ck_nibbles.h"
#include "ck_panels.h"
#include "ck_pooling.h"
#include "ck_rows.h"
#include "ck_simd.h"
#include "ck_threads.h"
#include "ck_transpose.h"
#include "ck_unary.h"
#include "ck_window.h"
#include "ck_winograd.h"

#endif
