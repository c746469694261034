#ifndef CK_DISPATCH_H
#define CK_DISPATCH_H

#include <stdatomic.h>

#include "ck_simd.h"

// The value of ck_simd_level(), or a negative number before its first call.
extern atomic_int ck_known_level;

static inline int ck_level(void) {
#if defined(CK_LEVEL)
  return CK_LEVEL;
#else
  const int level = atomic_load_explicit(&ck_known_level, memory_order_relaxed);
  return level >= 0 ? level : ck_simd_level();
#endif
}

// The argument for the current level.
#if defined(__x86_64__)
#define CK_PER_LEVEL(AVX512, AVX2, PORTABLE) \
  (ck_level() == 2 ? (AVX512) : ck_level() == 1 ? (AVX2) : (PORTABLE))
#else
#define CK_PER_LEVEL(AVX512, AVX2, PORTABLE) (PORTABLE)
#endif

// The argument for the current level and whether products of bytes have an instruction.
#if defined(__x86_64__)
#define CK_PER_DOTS(VNNI512, AVX512, VNNI, AVX2, PORTABLE)  \
  (ck_level() == 2   ? ck_simd_dots() ? (VNNI512) : (AVX512) \
   : ck_level() == 1 ? ck_simd_dots() ? (VNNI) : (AVX2)      \
                     : (PORTABLE))
#else
#define CK_PER_DOTS(VNNI512, AVX512, VNNI, AVX2, PORTABLE) (PORTABLE)
#endif

// Defines a function that is compiled, and vectorised, for each instruction set; calls run the
// version for the current level. Parameters and arguments are in parentheses; the body follows:
//
//   CK_VERSIONS(float, ck_sum, (const float *x, size_t n), (x, n)) { … }
#define CK_VERSIONS(RESULT, NAME, PARAMETERS, ARGUMENTS) \
  CK_VERSIONS_OF(, RESULT, NAME, PARAMETERS, ARGUMENTS)
#define CK_STATIC_VERSIONS(RESULT, NAME, PARAMETERS, ARGUMENTS) \
  CK_VERSIONS_OF(static, RESULT, NAME, PARAMETERS, ARGUMENTS)

#if !defined(__x86_64__) || (defined(CK_LEVEL) && CK_LEVEL == 0)
#define CK_VERSIONS_OF(LINKAGE, RESULT, NAME, PARAMETERS, ARGUMENTS) LINKAGE RESULT NAME PARAMETERS
#elif defined(CK_LEVEL) && CK_LEVEL == 1
#define CK_VERSIONS_OF(LINKAGE, RESULT, NAME, PARAMETERS, ARGUMENTS) \
  CK_AVX2 LINKAGE RESULT NAME PARAMETERS
#elif defined(CK_LEVEL)
#define CK_VERSIONS_OF(LINKAGE, RESULT, NAME, PARAMETERS, ARGUMENTS) \
  CK_AVX512 LINKAGE RESULT NAME PARAMETERS
#else
#define CK_VERSIONS_OF(LINKAGE, RESULT, NAME, PARAMETERS, ARGUMENTS)                        \
  __attribute__((always_inline)) static inline RESULT NAME##_body PARAMETERS;              \
  CK_AVX512 static RESULT NAME##_avx512 PARAMETERS { return NAME##_body ARGUMENTS; }       \
  CK_AVX2 static RESULT NAME##_avx2 PARAMETERS { return NAME##_body ARGUMENTS; }           \
  static RESULT NAME##_portable PARAMETERS { return NAME##_body ARGUMENTS; }               \
  LINKAGE RESULT NAME PARAMETERS {                                                         \
    switch (ck_level()) {                                                                  \
      case 2: return NAME##_avx512 ARGUMENTS;                                              \
      case 1: return NAME##_avx2 ARGUMENTS;                                                \
      default: return NAME##_portable ARGUMENTS;                                           \
    }                                                                                      \
  }                                                                                        \
  __attribute__((always_inline)) static inline RESULT NAME##_body PARAMETERS
#endif

// The features of x86-64-v3 and v4. Given the name x86-64-v4, the compiler prefers vectors of half
// the width.
#define CK_V3 "avx2,bmi,bmi2,f16c,fma,lzcnt,movbe"
#define CK_AVX2 __attribute__((target(CK_V3)))
#define CK_AVX512 __attribute__((target(CK_V3 ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl")))

// A name in a template that is included once per instruction set: NAMED(name, SUFFIX).
#define PASTED(a, b) a##_##b
#define NAMED_(a, b) PASTED(a, b)
#define NAMED(a, b) NAMED_(a, b)

#define UNROLL _Pragma("clang loop unroll(full)")

#endif
