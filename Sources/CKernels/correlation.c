// Weight gradients of convolutions: sums over images and windows, both read in place.
#include "ck_correlation.h"

#include "dispatch.h"

#if defined(__x86_64__)
#define SUFFIX avx512
#define TARGET CK_AVX512
#define LANES 16
#define MAPS 4
#define TAPS(m) ((m) > 3 ? 6 : (m) > 2 ? 8 : 9)
#include "correlation_template.h"

#define SUFFIX avx2
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define LANES 8
#define MAPS 4
#define TAPS(m) ((m) > 3 ? 3 : (m) > 2 ? 4 : (m) > 1 ? 5 : 9)
#include "correlation_template.h"
#endif

#define SUFFIX portable
#define TARGET
#define LANES 4
#define MAPS 4
#if defined(__aarch64__)
#define TAPS(m) ((m) > 3 ? 6 : (m) > 2 ? 8 : 9)
#else
#define TAPS(m) ((m) > 3 ? 3 : (m) > 2 ? 4 : (m) > 1 ? 5 : 9)
#endif
#include "correlation_template.h"

ptrdiff_t ck_correlation_lanes(void) { return CK_PER_LEVEL(16, 8, 4); }

void ck_correlate(const ck_correlation *s, const float *g, ptrdiff_t maps, const float *x,
                  const ptrdiff_t *offsets, ptrdiff_t taps, float *w, ptrdiff_t stride) {
  CK_PER_LEVEL(correlate_avx512, correlate_avx2, correlate_portable)
  (s, g, maps, x, offsets, taps, w, stride);
}
