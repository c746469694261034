#include "dispatch.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && !defined(CK_LEVEL)
static int lesser(int a, int b) { return a < b ? a : b; }

static int find_level(void) {
  const int best = __builtin_cpu_supports("x86-64-v4") ? 2 : __builtin_cpu_supports("x86-64-v3");
  const char *wanted = getenv("ONNX_SIMD_LEVEL");
  if (!wanted) return best;
  if (!strcmp(wanted, "portable")) return 0;
  if (!strcmp(wanted, "avx2")) return lesser(best, 1);
  return best;
}
#endif

#if defined(__x86_64__)
static int find_dots(void) {
  if (getenv("ONNX_SIMD_LEVEL")) return 0;
  switch (ck_simd_level()) {
    case 2: return __builtin_cpu_supports("avx512vnni") != 0;
    case 1: return __builtin_cpu_supports("avxvnni") != 0;
    default: return 0;
  }
}
#endif

static atomic_int known_dots = -1;

static int find_simd_dots(void) {
#if defined(__x86_64__)
  const int dots = find_dots();
#else
  const int dots = 0;
#endif
  atomic_store_explicit(&known_dots, dots, memory_order_relaxed);
  return dots;
}

int ck_simd_dots(void) {
  const int dots = atomic_load_explicit(&known_dots, memory_order_relaxed);
  return dots >= 0 ? dots : find_simd_dots();
}

atomic_int ck_known_level = -1;

int ck_simd_level(void) {
#if defined(CK_LEVEL)
  return CK_LEVEL;
#elif defined(__x86_64__)
  int level = atomic_load_explicit(&ck_known_level, memory_order_relaxed);
  if (level < 0) {
    level = find_level();
    atomic_store_explicit(&ck_known_level, level, memory_order_relaxed);
  }
  return level;
#else
  return 0;
#endif
}
