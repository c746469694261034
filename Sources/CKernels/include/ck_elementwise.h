#ifndef CK_ELEMENTWISE_H
#define CK_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

// y[i] = f(x[i]) for i < n; y may be x. The largest error, in units of the last place, is measured
// by ElementwiseKernelTests.
void ck_exp(const float *x, float *y, size_t n);
void ck_tanh(const float *x, float *y, size_t n);
void ck_sigmoid(const float *x, float *y, size_t n);

#endif
