// Exponential and its kin, vectorised by the compiler: one body, compiled for several instruction
// sets and chosen when the library is loaded.
#include "ck_elementwise.h"

#include "dispatch.h"
#include "vector_math.h"

// Each y[i] depends on x[i] alone, so y may be x.
#define CK_MAP(name, function)                                                      \
  CK_MULTIVERSION void name(const float *x, float *y, size_t n) {                   \
    _Pragma("clang loop vectorize(assume_safety)") for (size_t i = 0; i < n; i++) { \
      y[i] = function(x[i]);                                                        \
    }                                                                               \
  }

CK_MAP(ck_exp, vm_exp)
CK_MAP(ck_tanh, vm_tanh)
CK_MAP(ck_sigmoid, vm_sigmoid)
