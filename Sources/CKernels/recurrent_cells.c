// The standard cells of LSTM and GRU, gate activations included.
#include "ck_recurrent.h"

#include "dispatch.h"
#include "elementary.h"

// A product of a sigmoid and a tanh takes one division. Two loops, since tanh of the new state
// would wait for the state.
CK_VERSIONS(void, ck_lstm_cell,
            (const float *restrict i, const float *restrict o, const float *restrict f,
             const float *restrict g, float *restrict c, float *restrict h, size_t n),
            (i, o, f, g, c, h, n)) {
  for (size_t u = 0; u < n; u++) {
    float m = tanh_part1(g[u]);
    float added = copysignf(m / (sigmoid_part1(i[u]) * (2.0f + m)), g[u]);
    c[u] = sigmoid1(f[u]) * c[u] + added;
  }
  for (size_t u = 0; u < n; u++) {
    float m = tanh_part1(c[u]);
    h[u] = copysignf(m / (sigmoid_part1(o[u]) * (2.0f + m)), c[u]);
  }
}

CK_VERSIONS(void, ck_gru_reset,
            (float *restrict z, float *restrict r, const float *restrict h, float *restrict x,
             size_t n), (z, r, h, x, n)) {
  for (size_t u = 0; u < n; u++) {
    z[u] = sigmoid1(z[u]);
    r[u] = sigmoid1(r[u]);
    x[u] = r[u] * h[u];
  }
}

CK_VERSIONS(void, ck_gru_output,
            (const float *restrict z, float *restrict g, const float *restrict h,
             float *restrict y, size_t n), (z, g, h, y, n)) {
  for (size_t u = 0; u < n; u++) {
    g[u] = tanh1(g[u]);
    y[u] = (1.0f - z[u]) * g[u] + z[u] * h[u];
  }
}

CK_VERSIONS(void, ck_gru_linear_cell,
            (const float *restrict z, const float *restrict r, float *restrict g,
             const float *restrict a, const float *restrict h, float *restrict y, size_t n),
            (z, r, g, a, h, y, n)) {
  for (size_t u = 0; u < n; u++) g[u] += a[u] / sigmoid_part1(r[u]);
  for (size_t u = 0; u < n; u++) {
    float zt = sigmoid1(z[u]);
    y[u] = (1.0f - zt) * tanh1(g[u]) + zt * h[u];
  }
}
