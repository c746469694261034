// Loops that need instruction-set dispatch, and the few system calls Swift cannot name.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "ck_elementwise.h"
#include "ck_threads.h"
#include "ck_transpose.h"

#endif
