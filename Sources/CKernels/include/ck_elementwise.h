#ifndef CK_ELEMENTWISE_H
#define CK_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

// y[i] = f(x[i]) for i < n; y may be x. ElementwiseKernelTests measures the largest error in units
// in the last place.
void ck_exp(const float *x, float *y, size_t n);
void ck_tanh(const float *x, float *y, size_t n);
void ck_sigmoid(const float *x, float *y, size_t n);

#endif
