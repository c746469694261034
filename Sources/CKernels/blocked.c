// Products whose vectors run along channels (see ck_blocked.h).
#include "ck_blocked.h"

#include "dispatch.h"

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

#if defined(__x86_64__)
#define SUFFIX avx512
#define TARGET CK_AVX512
#define WIDTH 16
#define PLACES 14
#include "blocked_template.h"

#define SUFFIX avx2
#define TARGET CK_AVX2
#define WIDTH 8
#define PLACES 6
#include "blocked_template.h"
#endif

#define SUFFIX portable
#define TARGET
#define WIDTH 4
#if defined(__aarch64__)
#define PLACES 12
#else
#define PLACES 6
#endif
#include "blocked_template.h"

ptrdiff_t ck_block_lanes(void) { return CK_PER_LEVEL(16, 8, 4); }

#if defined(__aarch64__)
ptrdiff_t ck_block_places(void) { return 12; }
#else
ptrdiff_t ck_block_places(void) { return CK_PER_LEVEL(14, 6, 6); }
#endif

ptrdiff_t ck_block_maps(void) { return 2 * ck_block_lanes(); }

ptrdiff_t ck_block_padded(ptrdiff_t maps) {
  const ptrdiff_t lanes = ck_block_lanes();
  return (maps + lanes - 1) / lanes * lanes;
}

void ck_block_image(const ck_block_part *p, const float *x, ptrdiff_t channels, float *y) {
  CK_PER_LEVEL(block_avx512, block_avx2, block_portable)(p, x, channels, y);
}

void ck_block_product(const ck_block_sum *s, const float *x, ptrdiff_t places, const float *w,
                      ptrdiff_t maps, float *y) {
  CK_PER_LEVEL(product_avx512, product_avx2, product_portable)(s, x, places, w, maps, y);
}

void ck_unblock(const float *x, ptrdiff_t row, ptrdiff_t width, ptrdiff_t count, ptrdiff_t maps,
                float *y, ptrdiff_t outputs, const ck_epilogue *e) {
  CK_PER_LEVEL(unblock_avx512, unblock_avx2, unblock_portable)
  (x, row, width, count, maps, y, outputs, e);
  if (e->function <= CK_ACTIVATION_CLIP) return;
  ck_finish_tile(y, maps, count, outputs, NULL, NULL, e->function, e->a, e->b);
}
