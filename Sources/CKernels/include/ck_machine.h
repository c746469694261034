#ifndef CK_MACHINE_H
#define CK_MACHINE_H

#include <stddef.h>

/// Floating-point operations per second of `threads` threads that only compute single-precision
/// multiply-adds in registers, measured for `seconds`; 0 if a thread cannot be created.
double ck_multiply_add_rate(int threads, double seconds);

/// Bytes per second that `threads` threads read in total, each repeatedly from its own part of
/// `bytes`, measured for `seconds`; 0 if memory or a thread cannot be allocated.
double ck_read_rate(int threads, size_t bytes, double seconds);

#endif
