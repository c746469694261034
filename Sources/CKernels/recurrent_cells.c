// The standard cells of LSTM and GRU, gate activations included.
#include "ck_recurrent.h"

#include "dispatch.h"
#include "elementary.h"

CK_MULTIVERSION void ck_lstm_cell(float *restrict i, float *restrict o, float *restrict f,
                                  float *restrict g, float *restrict c, float *restrict h,
                                  size_t n) {
  for (size_t u = 0; u < n; u++) {
    i[u] = sigmoid1(i[u]);
    f[u] = sigmoid1(f[u]);
    g[u] = tanh1(g[u]);
    o[u] = sigmoid1(o[u]);
    c[u] = f[u] * c[u] + i[u] * g[u];
    h[u] = o[u] * tanh1(c[u]);
  }
}

CK_MULTIVERSION void ck_gru_reset(float *restrict z, float *restrict r, const float *restrict h,
                                  float *restrict x, size_t n) {
  for (size_t u = 0; u < n; u++) {
    z[u] = sigmoid1(z[u]);
    r[u] = sigmoid1(r[u]);
    x[u] = r[u] * h[u];
  }
}

CK_MULTIVERSION void ck_gru_output(const float *restrict z, float *restrict g,
                                   const float *restrict h, float *restrict y, size_t n) {
  for (size_t u = 0; u < n; u++) {
    g[u] = tanh1(g[u]);
    y[u] = (1.0f - z[u]) * g[u] + z[u] * h[u];
  }
}

CK_MULTIVERSION void ck_gru_linear_cell(float *restrict z, float *restrict r, float *restrict g,
                                        const float *restrict a, const float *restrict h,
                                        float *restrict y, size_t n) {
  for (size_t u = 0; u < n; u++) {
    z[u] = sigmoid1(z[u]);
    r[u] = sigmoid1(r[u]);
    g[u] = tanh1(g[u] + r[u] * a[u]);
    y[u] = (1.0f - z[u]) * g[u] + z[u] * h[u];
  }
}
