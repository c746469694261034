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
