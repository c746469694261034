// Conversions between float, float16, bfloat16 and integers, vectorised by the compiler.
#include "ck_convert.h"

#include <string.h>

#include "dispatch.h"

CK_VERSIONS(void, ck_half_to_float,
            (const uint16_t *restrict x, float *restrict y, size_t n), (x, y, n)) {
  const _Float16 *half = (const _Float16 *)x;
  for (size_t i = 0; i < n; i++) y[i] = (float)half[i];
}

CK_VERSIONS(void, ck_float_to_half,
            (const float *restrict x, uint16_t *restrict y, size_t n), (x, y, n)) {
  _Float16 *half = (_Float16 *)y;
  for (size_t i = 0; i < n; i++) half[i] = (_Float16)x[i];
}

CK_VERSIONS(void, ck_bfloat_to_float,
            (const uint16_t *restrict x, float *restrict y, size_t n), (x, y, n)) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = (uint32_t)x[i] << 16;
    memcpy(&y[i], &bits, sizeof bits);
  }
}

CK_VERSIONS(void, ck_float_to_bfloat,
            (const float *restrict x, uint16_t *restrict y, size_t n), (x, y, n)) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    uint32_t quiet = bits >> 16 | 0x40;
    y[i] = (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? quiet : rounded);
  }
}

static const double two63 = 9223372036854775808.0;

static inline int64_t to_int64(double x) {
  return x >= -two63 && x < two63 ? (int64_t)x : INT64_MIN;
}

static inline uint64_t to_uint64(double x) {
  return x >= two63 && x < 2 * two63 ? (uint64_t)x : (uint64_t)to_int64(x);
}

CK_VERSIONS(void, ck_float_to_int64,
            (const float *restrict x, int64_t *restrict y, size_t n), (x, y, n)) {
  for (size_t i = 0; i < n; i++) y[i] = to_int64(x[i]);
}

CK_VERSIONS(void, ck_double_to_int64,
            (const double *restrict x, int64_t *restrict y, size_t n), (x, y, n)) {
  for (size_t i = 0; i < n; i++) y[i] = to_int64(x[i]);
}

void ck_float_to_uint64(const float *restrict x, uint64_t *restrict y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = to_uint64(x[i]);
}

void ck_double_to_uint64(const double *restrict x, uint64_t *restrict y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = to_uint64(x[i]);
}

static inline int32_t to_int32(double x) {
  return x > -2147483649.0 && x < 2147483648.0 ? (int32_t)x : INT32_MIN;
}

CK_VERSIONS(void, ck_float_to_int32,
            (const float *restrict x, int32_t *restrict y, size_t n), (x, y, n)) {
  for (size_t i = 0; i < n; i++)
    y[i] = x[i] >= -2147483648.0f && x[i] < 2147483648.0f ? (int32_t)x[i] : INT32_MIN;
}

CK_VERSIONS(void, ck_double_to_int32,
            (const double *restrict x, int32_t *restrict y, size_t n), (x, y, n)) {
  for (size_t i = 0; i < n; i++) y[i] = to_int32(x[i]);
}
