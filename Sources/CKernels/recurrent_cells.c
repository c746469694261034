// The cells of RNN, LSTM and GRU with the default activations, forward and backward.
#include "ck_recurrent_cells.h"

#include "dispatch.h"
#include "elementary.h"

// Units are independent, so arrays such as `c` and `c0` may be the same.
#define FOR_EACH_UNIT                              \
  _Pragma("clang loop vectorize(assume_safety)") \
  for (size_t u = 0; u < n; u++)

// An equation for inference and training. `keeps` is a constant: 1 adds the biases and keeps the
// gates, 0 does neither.
#define EQUATION __attribute__((always_inline)) static inline void

// sigmoid(a) · tanh(b) with one division
static inline float sigmoid_tanh1(float a, float b) {
  float m = tanh_part1(b);
  return copysignf(m / (sigmoid_part1(a) * (2.0f + m)), b);
}

EQUATION rnn(const float *x, const float *b, float *h, size_t n, const int keeps) {
  FOR_EACH_UNIT h[u] = tanh1(keeps ? x[u] + b[u] : x[u]);
}

// Two loops, so that tanh does not wait for the new state.
EQUATION lstm(float *x, size_t stride, const float *b, const float *c0, float *c, float *h,
              size_t n, const int keeps) {
  float *i = x, *o = x + stride, *f = x + 2 * stride, *g = x + 3 * stride;
  FOR_EACH_UNIT {
    float ft = sigmoid1(keeps ? f[u] + b[2 * stride + u] : f[u]);
    float added;
    if (keeps) {
      float it = sigmoid1(i[u] + b[u]);
      float gt = tanh1(g[u] + b[3 * stride + u]);
      added = it * gt;
      i[u] = it;
      f[u] = ft;
      g[u] = gt;
    } else {
      added = sigmoid_tanh1(i[u], g[u]);
    }
    c[u] = ft * c0[u] + added;
  }
  FOR_EACH_UNIT {
    if (keeps) {
      float ot = sigmoid1(o[u] + b[stride + u]);
      o[u] = ot;
      h[u] = ot * tanh1(c[u]);
    } else {
      h[u] = sigmoid_tanh1(o[u], c[u]);
    }
  }
}

EQUATION gru_reset(float *x, size_t stride, const float *b, const float *h0, float *e, size_t n,
                   const int keeps) {
  float *z = x, *r = x + stride;
  FOR_EACH_UNIT {
    float rt = sigmoid1(keeps ? r[u] + b[stride + u] : r[u]);
    z[u] = sigmoid1(keeps ? z[u] + b[u] : z[u]);
    r[u] = rt;
    e[u] = rt * h0[u];
  }
}

EQUATION gru_output(float *x, size_t stride, const float *b, const float *h0, float *h, size_t n,
                    const int keeps) {
  float *z = x, *g = x + 2 * stride;
  FOR_EACH_UNIT {
    float gt = tanh1(keeps ? g[u] + b[2 * stride + u] : g[u]);
    if (keeps) g[u] = gt;
    h[u] = (1.0f - z[u]) * gt + z[u] * h0[u];
  }
}

EQUATION gru_linear(float *x, size_t stride, const float *b, const float *h0, const float *e,
                    float *h, size_t n, const int keeps) {
  float *z = x, *r = x + stride, *g = x + 2 * stride;
  if (!keeps) {
    // r ∘ e with one division
    FOR_EACH_UNIT g[u] += e[u] / sigmoid_part1(r[u]);
  }
  FOR_EACH_UNIT {
    float zt = sigmoid1(keeps ? z[u] + b[u] : z[u]);
    float gt;
    if (keeps) {
      float rt = sigmoid1(r[u] + b[stride + u]);
      gt = tanh1(g[u] + b[2 * stride + u] + rt * e[u]);
      z[u] = zt;
      r[u] = rt;
      g[u] = gt;
    } else {
      gt = tanh1(g[u]);
    }
    h[u] = (1.0f - zt) * gt + zt * h0[u];
  }
}

CK_VERSIONS(void, ck_rnn_cell,
            (const float *x, const float *b, float *h, size_t n),
            (x, b, h, n)) {
  if (b) {
    rnn(x, b, h, n, 1);
  } else {
    rnn(x, b, h, n, 0);
  }
}

CK_VERSIONS(void, ck_lstm_cell,
            (float *x, size_t stride, const float *b, const float *c0, float *c, float *h, size_t n),
            (x, stride, b, c0, c, h, n)) {
  if (b) {
    lstm(x, stride, b, c0, c, h, n, 1);
  } else {
    lstm(x, stride, b, c0, c, h, n, 0);
  }
}

CK_VERSIONS(void, ck_gru_reset,
            (float *x, size_t stride, const float *b, const float *h0, float *e, size_t n),
            (x, stride, b, h0, e, n)) {
  if (b) {
    gru_reset(x, stride, b, h0, e, n, 1);
  } else {
    gru_reset(x, stride, b, h0, e, n, 0);
  }
}

CK_VERSIONS(void, ck_gru_output,
            (float *x, size_t stride, const float *b, const float *h0, float *h, size_t n),
            (x, stride, b, h0, h, n)) {
  if (b) {
    gru_output(x, stride, b, h0, h, n, 1);
  } else {
    gru_output(x, stride, b, h0, h, n, 0);
  }
}

CK_VERSIONS(void, ck_gru_linear,
            (float *x, size_t stride, const float *b, const float *h0, const float *e, float *h,
             size_t n),
            (x, stride, b, h0, e, h, n)) {
  if (b) {
    gru_linear(x, stride, b, h0, e, h, n, 1);
  } else {
    gru_linear(x, stride, b, h0, e, h, n, 0);
  }
}

// Derivatives.

CK_VERSIONS(void, ck_rnn_gradient,
            (const float *restrict h, const float *restrict dh, float *restrict d,
             float *restrict s, size_t n),
            (h, dh, d, s, n)) {
  FOR_EACH_UNIT {
    d[u] = (1.0f - h[u] * h[u]) * dh[u];
    s[u] += d[u];
  }
}

CK_VERSIONS(void, ck_lstm_gradient,
            (const float *restrict x, const float *restrict c0, const float *restrict c,
             const float *restrict dh, float *restrict dc, float *restrict d, float *restrict s,
             size_t n),
            (x, c0, c, dh, dc, d, s, n)) {
  const float *i = x, *o = x + n, *f = x + 2 * n, *g = x + 3 * n;
  float *di = d, *d_o = d + n, *df = d + 2 * n, *dg = d + 3 * n;
  float *si = s, *so = s + n, *sf = s + 2 * n, *sg = s + 3 * n;
  FOR_EACH_UNIT {
    float it = i[u], ot = o[u], ft = f[u], gt = g[u];
    float th = tanh1(c[u]);
    float a = dc[u] + dh[u] * ot * (1.0f - th * th);
    float gi = a * gt * it * (1.0f - it);
    float go = dh[u] * th * ot * (1.0f - ot);
    float gf = a * c0[u] * ft * (1.0f - ft);
    float gg = a * it * (1.0f - gt * gt);
    di[u] = gi;
    d_o[u] = go;
    df[u] = gf;
    dg[u] = gg;
    si[u] += gi;
    so[u] += go;
    sf[u] += gf;
    sg[u] += gg;
    dc[u] = a * ft;
  }
}

CK_VERSIONS(void, ck_gru_gradient,
            (const float *restrict x, const float *restrict h0, float *restrict dh,
             float *restrict d, float *restrict s, size_t n),
            (x, h0, dh, d, s, n)) {
  const float *z = x, *g = x + 2 * n;
  float *dz = d, *dg = d + 2 * n;
  float *sz = s, *sg = s + 2 * n;
  FOR_EACH_UNIT {
    float zt = z[u], gt = g[u], a = dh[u];
    float gz = a * (h0[u] - gt) * zt * (1.0f - zt);
    float gg = a * (1.0f - zt) * (1.0f - gt * gt);
    dz[u] = gz;
    dg[u] = gg;
    sz[u] += gz;
    sg[u] += gg;
    dh[u] = a * zt;
  }
}

CK_VERSIONS(void, ck_gru_reset_gradient,
            (const float *restrict x, const float *restrict h0, const float *restrict de,
             float *restrict dh, float *restrict d, float *restrict s, size_t n),
            (x, h0, de, dh, d, s, n)) {
  const float *r = x + n;
  float *dr = d + n, *sr = s + n;
  FOR_EACH_UNIT {
    float rt = r[u];
    float gr = de[u] * h0[u] * rt * (1.0f - rt);
    dr[u] = gr;
    sr[u] += gr;
    dh[u] += de[u] * rt;
  }
}

CK_VERSIONS(void, ck_gru_linear_gradient,
            (const float *restrict x, const float *restrict h0, const float *restrict e,
             float *restrict dh, float *restrict d, float *restrict s, size_t n),
            (x, h0, e, dh, d, s, n)) {
  const float *z = x, *r = x + n, *g = x + 2 * n;
  float *dz = d, *dr = d + n, *dg = d + 2 * n, *de = d + 3 * n;
  float *sz = s, *sr = s + n, *sg = s + 2 * n, *se = s + 3 * n;
  FOR_EACH_UNIT {
    float zt = z[u], rt = r[u], gt = g[u], a = dh[u];
    float gz = a * (h0[u] - gt) * zt * (1.0f - zt);
    float gg = a * (1.0f - zt) * (1.0f - gt * gt);
    float gr = gg * e[u] * rt * (1.0f - rt);
    float ge = gg * rt;
    dz[u] = gz;
    dr[u] = gr;
    dg[u] = gg;
    de[u] = ge;
    sz[u] += gz;
    sr[u] += gr;
    sg[u] += gg;
    se[u] += ge;
    dh[u] = a * zt;
  }
}
