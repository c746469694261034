// The exponential and functions made of it, vectorised by the compiler: one body for all
// instruction sets. y[i] depends only on x[i], so y may be x.
#include "ck_elementwise.h"

#include "dispatch.h"
#include "elementary.h"

CK_VERSIONS(void, ck_exp, (const float *x, float *y, size_t n), (x, y, n)) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) y[i] = exp1(x[i]);
}

CK_VERSIONS(void, ck_tanh, (const float *x, float *y, size_t n), (x, y, n)) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) y[i] = tanh1(x[i]);
}

CK_VERSIONS(void, ck_sigmoid, (const float *x, float *y, size_t n), (x, y, n)) {
#pragma clang loop vectorize(assume_safety)
  for (size_t i = 0; i < n; i++) y[i] = sigmoid1(x[i]);
}
