// The standard cells of LSTM and GRU, gate activations included.
#include "ck_recurrent.h"

#include "dispatch.h"
#include "vector_math.h"

CK_MULTIVERSION void ck_lstm_cell(float *restrict i, float *restrict o, float *restrict f,
                                  float *restrict g, float *restrict c, float *restrict h,
                                  size_t n) {
  for (size_t u = 0; u < n; u++) {
    i[u] = vm_sigmoid(i[u]);
    f[u] = vm_sigmoid(f[u]);
    g[u] = vm_tanh(g[u]);
    o[u] = vm_sigmoid(o[u]);
    c[u] = f[u] * c[u] + i[u] * g[u];
    h[u] = o[u] * vm_tanh(c[u]);
  }
}

CK_MULTIVERSION void ck_gru_reset(float *restrict z, float *restrict r, const float *restrict h,
                                  float *restrict x, size_t n) {
  for (size_t u = 0; u < n; u++) {
    z[u] = vm_sigmoid(z[u]);
    r[u] = vm_sigmoid(r[u]);
    x[u] = r[u] * h[u];
  }
}

CK_MULTIVERSION void ck_gru_output(const float *restrict z, float *restrict g,
                                   const float *restrict h, float *restrict y, size_t n) {
  for (size_t u = 0; u < n; u++) {
    g[u] = vm_tanh(g[u]);
    y[u] = (1.0f - z[u]) * g[u] + z[u] * h[u];
  }
}

CK_MULTIVERSION void ck_gru_linear_cell(float *restrict z, float *restrict r, float *restrict g,
                                        const float *restrict a, const float *restrict h,
                                        float *restrict y, size_t n) {
  for (size_t u = 0; u < n; u++) {
    z[u] = vm_sigmoid(z[u]);
    r[u] = vm_sigmoid(r[u]);
    g[u] = vm_tanh(g[u] + r[u] * a[u]);
    y[u] = (1.0f - z[u]) * g[u] + z[u] * h[u];
  }
}
