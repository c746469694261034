#ifndef CK_DISPATCH_H
#define CK_DISPATCH_H

// A function so marked is compiled once for each instruction set and chosen at load time.
#if defined(__x86_64__)
#define CK_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CK_MULTIVERSION
#endif

// 0 portable, 1 AVX2 with FMA, 2 AVX-512: the best that this CPU has.

// 0 portable, 1 AVX2 with FMA, 2 AVX-512: the best that this CPU has.
int ck_simd_level(void);

#endif
