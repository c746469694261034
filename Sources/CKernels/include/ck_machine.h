#ifndef CK_MACHINE_H
#define CK_MACHINE_H

#include <stddef.h>

/// Floating-point operations a second of `threads` threads that do nothing but single-precision
/// multiply-adds in registers, measured over that time; 0 where a thread cannot be made.
double ck_multiply_add_rate(int threads, double seconds);

/// Bytes a second that `threads` threads read together, each of its own part of `bytes`, over and
/// over; 0 where there is no memory or a thread cannot be made.
double ck_read_rate(int threads, size_t bytes, double seconds);

#endif
