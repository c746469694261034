/// OpenBLAS, loaded on first use, so that programs that do not need it start faster.
#pragma once

#include <stdbool.h>

/// Loads the library, once per process. The functions below call it when they compute.
/// - Returns: null if the library can be used, else the reason. The functions then compute with
///   slow loops of their own.
const char *_Nullable cb_open(void);

/// The name of the kernels that the library chose, or null if it is not loaded.
const char *_Nullable cb_core_name(void);

/// `c = alpha · op(a) · op(b) + beta · c`, row-major.
void cb_sgemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha,
              const float *_Nonnull a, int lda, const float *_Nonnull b, int ldb, float beta,
              float *_Nonnull c, int ldc);
void cb_dgemm(bool transpose_a, bool transpose_b, int m, int n, int k, double alpha,
              const double *_Nonnull a, int lda, const double *_Nonnull b, int ldb, double beta,
              double *_Nonnull c, int ldc);

/// `y = alpha · op(a) · x + beta · y` for a row-major `a` of `m` rows.
void cb_sgemv(bool transpose, int m, int n, float alpha, const float *_Nonnull a, int lda,
              const float *_Nonnull x, int stride_x, float beta, float *_Nonnull y, int stride_y);
void cb_dgemv(bool transpose, int m, int n, double alpha, const double *_Nonnull a, int lda,
              const double *_Nonnull x, int stride_x, double beta, double *_Nonnull y,
              int stride_y);
