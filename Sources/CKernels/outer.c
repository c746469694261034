// Sums of outer products: vectors of packed columns times elements of x, read in place. The order of
// additions is that of the places.
#include "ck_outer.h"

#include "dispatch.h"

#define NAME(x) NAMED(x, SUFFIX)

#if defined(__x86_64__)
#define TARGET CK_AVX512
#define BYTES 64
#define TAPS 8
#define REAL float
#define SUFFIX f32_avx512
#include "outer_template.h"
#define REAL double
#define SUFFIX f64_avx512
#include "outer_template.h"
#undef TARGET
#undef BYTES
#undef TAPS

#define TARGET CK_AVX2
#define BYTES 32
#define TAPS 6
#define REAL float
#define SUFFIX f32_avx2
#include "outer_template.h"
#define REAL double
#define SUFFIX f64_avx2
#include "outer_template.h"
#undef TARGET
#undef BYTES
#undef TAPS
#endif

#define TARGET
#define BYTES 16
#if defined(__x86_64__)
#define TAPS 6
#else
#define TAPS 8
#endif
#define REAL float
#define SUFFIX f32
#include "outer_template.h"
#define REAL double
#define SUFFIX f64
#include "outer_template.h"

#if defined(__x86_64__)
#define VERSION(name) CK_PER_LEVEL(name##_avx512, name##_avx2, name)
#else
#define VERSION(name) name
#endif

ptrdiff_t ck_outer_lanes(size_t size) { return (ptrdiff_t)(CK_PER_LEVEL(64, 32, 16) / size); }

void ck_outer_pack_f32(const float *g, ptrdiff_t step, ptrdiff_t next, ptrdiff_t columns,
                       ptrdiff_t first, ptrdiff_t count, ptrdiff_t places, float *packed) {
  VERSION(outer_pack_f32)(g, step, next, columns, first, count, places, packed);
}

void ck_outer_pack_f64(const double *g, ptrdiff_t step, ptrdiff_t next, ptrdiff_t columns,
                       ptrdiff_t first, ptrdiff_t count, ptrdiff_t places, double *packed) {
  VERSION(outer_pack_f64)(g, step, next, columns, first, count, places, packed);
}

void ck_outer_f32(const ck_places *s, const float *packed, ptrdiff_t columns, const float *x,
                  const ptrdiff_t *offsets, ptrdiff_t taps, float *w, ptrdiff_t stride) {
  VERSION(outer_f32)(s, packed, columns, x, offsets, taps, w, stride);
}

void ck_outer_f64(const ck_places *s, const double *packed, ptrdiff_t columns, const double *x,
                  const ptrdiff_t *offsets, ptrdiff_t taps, double *w, ptrdiff_t stride) {
  VERSION(outer_f64)(s, packed, columns, x, offsets, taps, w, stride);
}
