#ifndef CK_DISPATCH_H
#define CK_DISPATCH_H

#include "ck_simd.h"

// A function so marked is compiled once for each instruction set and chosen at load time; once
// only where CK_LEVEL, a level as ck_simd_level has it, says for which, and where a sanitizer is at
// work, which is not ready yet when the program's loader makes that choice.
#if !defined(__x86_64__) || (defined(CK_LEVEL) && CK_LEVEL == 0)
#define CK_MULTIVERSION
#elif __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define CK_MULTIVERSION
#elif defined(CK_LEVEL) && CK_LEVEL == 1
#define CK_MULTIVERSION __attribute__((target("arch=x86-64-v3")))
#elif defined(CK_LEVEL)
#define CK_MULTIVERSION __attribute__((target("arch=x86-64-v4")))
#else
#define CK_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

// The version of something that is for this level.
#if defined(__x86_64__)
#define CK_PER_LEVEL(AVX512, AVX2, PORTABLE) \
  (ck_simd_level() == 2 ? (AVX512) : ck_simd_level() == 1 ? (AVX2) : (PORTABLE))
#else
#define CK_PER_LEVEL(AVX512, AVX2, PORTABLE) (PORTABLE)
#endif

// A name of a template, which is included once for each instruction set: NAMED(name, SUFFIX).
#define PASTED(a, b) a##_##b
#define NAMED_(a, b) PASTED(a, b)
#define NAMED(a, b) NAMED_(a, b)

#define UNROLL _Pragma("clang loop unroll(full)")

#endif

