// Products with packed matrices, for each instruction set (see packed_product.h).
#include "ck_recurrent.h"

#include "dispatch.h"

#define NAME(x) NAMED(x, SUFFIX)

#if defined(__x86_64__)
#define PORTABLE_ROWS 3
#else
#define PORTABLE_ROWS 6
#endif

#define TARGET
#define BYTES 16
#define VECTORS 4
#define ROWS PORTABLE_ROWS
#define REAL float
#define SUFFIX f32
#include "packed_product.h"
#undef REAL
#undef SUFFIX
#define REAL double
#define SUFFIX f64
#include "packed_product.h"
#undef REAL
#undef SUFFIX
#undef TARGET
#undef BYTES
#undef VECTORS
#undef ROWS

#if defined(__x86_64__)
#define TARGET __attribute__((target("avx2,fma")))
#define BYTES 32
#define VECTORS 2
#define ROWS 6
#define REAL float
#define SUFFIX f32_avx2
#include "packed_product.h"
#undef REAL
#undef SUFFIX
#define REAL double
#define SUFFIX f64_avx2
#include "packed_product.h"
#undef REAL
#undef SUFFIX
#undef TARGET
#undef BYTES
#undef VECTORS
#undef ROWS

#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")))
#define BYTES 64
#define VECTORS 2
#define ROWS 8
#define REAL float
#define SUFFIX f32_avx512
#include "packed_product.h"
#undef REAL
#undef SUFFIX
#define REAL double
#define SUFFIX f64_avx512
#include "packed_product.h"
#undef REAL
#undef SUFFIX
#undef TARGET
#undef BYTES
#undef VECTORS
#undef ROWS
#endif

size_t ck_product_panel(int level) { return level == 2 ? 128 : 64; }

#if defined(__x86_64__)
#define DISPATCH(name, ...)                         \
  switch (level) {                                  \
    case 2: NAMED(name, avx512)(__VA_ARGS__); break; \
    case 1: NAMED(name, avx2)(__VA_ARGS__); break;   \
    default: name(__VA_ARGS__);                     \
  }
#else
#define DISPATCH(name, ...) name(__VA_ARGS__);
#endif

void ck_product_f32(int level, const float *packed, size_t k, size_t units, size_t gates,
                    size_t stride, const ck_row *rows, size_t count, int backwards) {
  DISPATCH(product_f32, packed, k, units, gates, stride, rows, count, backwards)
}

void ck_product_f64(int level, const double *packed, size_t k, size_t units, size_t gates,
                    size_t stride, const ck_row *rows, size_t count, int backwards) {
  DISPATCH(product_f64, packed, k, units, gates, stride, rows, count, backwards)
}
