// The standard cells of recurrent layers while they are trained, gate activations included.
#include "ck_recurrent_training.h"

#include "dispatch.h"
#include "elementary.h"

CK_VERSIONS(void, ck_rnn_training_cell,
            (const float *restrict x, const float *restrict b, float *restrict h, size_t n),
            (x, b, h, n)) {
  for (size_t u = 0; u < n; u++) h[u] = tanh1(x[u] + b[u]);
}

CK_VERSIONS(void, ck_rnn_training_gradient,
            (const float *restrict h, const float *restrict dh, float *restrict d,
             float *restrict s, size_t n), (h, dh, d, s, n)) {
  for (size_t u = 0; u < n; u++) {
    d[u] = (1.0f - h[u] * h[u]) * dh[u];
    s[u] += d[u];
  }
}

CK_VERSIONS(void, ck_lstm_training_cell,
            (float *restrict x, const float *restrict b, const float *restrict c0,
             float *restrict c, float *restrict h, size_t n), (x, b, c0, c, h, n)) {
  float *i = x, *o = x + n, *f = x + 2 * n, *g = x + 3 * n;
  const float *bi = b, *bo = b + n, *bf = b + 2 * n, *bg = b + 3 * n;
#pragma clang loop vectorize(assume_safety)
  for (size_t u = 0; u < n; u++) {
    float it = sigmoid1(i[u] + bi[u]);
    float ft = sigmoid1(f[u] + bf[u]);
    float gt = tanh1(g[u] + bg[u]);
    float ot = sigmoid1(o[u] + bo[u]);
    float ct = ft * c0[u] + it * gt;
    i[u] = it;
    o[u] = ot;
    f[u] = ft;
    g[u] = gt;
    c[u] = ct;
    h[u] = ot * tanh1(ct);
  }
}

CK_VERSIONS(void, ck_lstm_training_gradient,
            (const float *restrict x, const float *restrict c0, const float *restrict c,
             const float *restrict dh, float *restrict dc, float *restrict d, float *restrict s,
             size_t n), (x, c0, c, dh, dc, d, s, n)) {
  const float *i = x, *o = x + n, *f = x + 2 * n, *g = x + 3 * n;
  float *di = d, *d_o = d + n, *df = d + 2 * n, *dg = d + 3 * n;
  float *si = s, *so = s + n, *sf = s + 2 * n, *sg = s + 3 * n;
#pragma clang loop vectorize(assume_safety)
  for (size_t u = 0; u < n; u++) {
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

CK_VERSIONS(void, ck_gru_training_reset,
            (float *restrict x, const float *restrict b, const float *restrict h0,
             float *restrict e, size_t n), (x, b, h0, e, n)) {
  float *z = x, *r = x + n;
  const float *bz = b, *br = b + n;
#pragma clang loop vectorize(assume_safety)
  for (size_t u = 0; u < n; u++) {
    float rt = sigmoid1(r[u] + br[u]);
    z[u] = sigmoid1(z[u] + bz[u]);
    r[u] = rt;
    e[u] = rt * h0[u];
  }
}

CK_VERSIONS(void, ck_gru_training_output,
            (float *restrict x, const float *restrict b, const float *restrict h0,
             float *restrict h, size_t n), (x, b, h0, h, n)) {
  float *z = x, *g = x + 2 * n;
  const float *bg = b + 2 * n;
#pragma clang loop vectorize(assume_safety)
  for (size_t u = 0; u < n; u++) {
    float gt = tanh1(g[u] + bg[u]);
    g[u] = gt;
    h[u] = (1.0f - z[u]) * gt + z[u] * h0[u];
  }
}

CK_VERSIONS(void, ck_gru_training_linear,
            (float *restrict x, const float *restrict b, const float *restrict h0,
             const float *restrict e, float *restrict h, size_t n), (x, b, h0, e, h, n)) {
  float *z = x, *r = x + n, *g = x + 2 * n;
  const float *bz = b, *br = b + n, *bg = b + 2 * n;
#pragma clang loop vectorize(assume_safety)
  for (size_t u = 0; u < n; u++) {
    float zt = sigmoid1(z[u] + bz[u]);
    float rt = sigmoid1(r[u] + br[u]);
    float gt = tanh1(g[u] + bg[u] + rt * e[u]);
    z[u] = zt;
    r[u] = rt;
    g[u] = gt;
    h[u] = (1.0f - zt) * gt + zt * h0[u];
  }
}

CK_VERSIONS(void, ck_gru_training_gradient,
            (const float *restrict x, const float *restrict h0, float *restrict dh,
             float *restrict d, float *restrict s, size_t n), (x, h0, dh, d, s, n)) {
  const float *z = x, *g = x + 2 * n;
  float *dz = d, *dg = d + 2 * n;
  float *sz = s, *sg = s + 2 * n;
#pragma clang loop vectorize(assume_safety)
  for (size_t u = 0; u < n; u++) {
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

CK_VERSIONS(void, ck_gru_training_reset_gradient,
            (const float *restrict x, const float *restrict h0, const float *restrict de,
             float *restrict dh, float *restrict d, float *restrict s, size_t n),
            (x, h0, de, dh, d, s, n)) {
  const float *r = x + n;
  float *dr = d + n, *sr = s + n;
#pragma clang loop vectorize(assume_safety)
  for (size_t u = 0; u < n; u++) {
    float rt = r[u];
    float gr = de[u] * h0[u] * rt * (1.0f - rt);
    dr[u] = gr;
    sr[u] += gr;
    dh[u] += de[u] * rt;
  }
}

CK_VERSIONS(void, ck_gru_training_linear_gradient,
            (const float *restrict x, const float *restrict h0, const float *restrict e,
             float *restrict dh, float *restrict d, float *restrict s, size_t n),
            (x, h0, e, dh, d, s, n)) {
  const float *z = x, *r = x + n, *g = x + 2 * n;
  float *dz = d, *dr = d + n, *dg = d + 2 * n, *de = d + 3 * n;
  float *sz = s, *sr = s + n, *sg = s + 2 * n, *se = s + 3 * n;
#pragma clang loop vectorize(assume_safety)
  for (size_t u = 0; u < n; u++) {
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
