#include "dispatch.h"

int ck_simd_level(void) {
#if defined(CK_LEVEL)
  return CK_LEVEL;
#elif defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v4")) return 2;
  if (__builtin_cpu_supports("x86-64-v3")) return 1;
#endif
  return 0;
}
