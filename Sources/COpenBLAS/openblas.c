#define _GNU_SOURCE
#include "COpenBLAS.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>

// The constants and prototypes of cblas.h, so that the header is not needed to build.
enum { row_major = 101, no_transpose = 111, transposed = 112 };

typedef void sgemm(int, int, int, int, int, int, float, const float *, int, const float *, int,
                   float, float *, int);
typedef void dgemm(int, int, int, int, int, int, double, const double *, int, const double *, int,
                   double, double *, int);
typedef void sgemv(int, int, int, int, float, const float *, int, const float *, int, float,
                   float *, int);
typedef void dgemv(int, int, int, int, double, const double *, int, const double *, int, double,
                   double *, int);

static struct {
  sgemm *sgemm;
  dgemm *dgemm;
  sgemv *sgemv;
  dgemv *dgemv;
  char *(*core_name)(void);
  bool is_open;
  char problem[256];
} library;

static void *load(void) {
  static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", "libopenblas.dylib"};
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    void *handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (handle) return handle;
    if (!library.problem[0]) snprintf(library.problem, sizeof library.problem, "%s", dlerror());
  }
  return NULL;
}

static void open_library(void) {
#ifdef __linux__
  // When loaded, OpenBLAS starts a spinning thread for every CPU of the affinity mask. Allow it
  // one.
  cpu_set_t all, one;
  int cpu = sched_getcpu();
  bool is_bound = cpu >= 0 && cpu < CPU_SETSIZE && !sched_getaffinity(0, sizeof all, &all);
  if (is_bound) {
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    is_bound = !sched_setaffinity(0, sizeof one, &one);
  }
  void *handle = load();
  if (is_bound) sched_setaffinity(0, sizeof all, &all);
#else
  void *handle = load();
#endif
  if (!handle) return;
  library.sgemm = (sgemm *)dlsym(handle, "cblas_sgemm");
  library.dgemm = (dgemm *)dlsym(handle, "cblas_dgemm");
  library.sgemv = (sgemv *)dlsym(handle, "cblas_sgemv");
  library.dgemv = (dgemv *)dlsym(handle, "cblas_dgemv");
  library.core_name = (char *(*)(void))dlsym(handle, "openblas_get_corename");
  void (*set_threads)(int) = (void (*)(int))dlsym(handle, "openblas_set_num_threads");
  if (!library.sgemm || !library.dgemm || !library.sgemv || !library.dgemv || !set_threads) {
    snprintf(library.problem, sizeof library.problem, "libopenblas lacks the C interface");
    return;
  }
  set_threads(1);
  library.is_open = true;
}

const char *cb_open(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, open_library);
  return library.is_open ? NULL : library.problem;
}

const char *cb_core_name(void) {
  return library.is_open && library.core_name ? library.core_name() : NULL;
}

static bool is_ready(void) { return cb_open() == NULL; }

static int operation(bool is_transposed) { return is_transposed ? transposed : no_transpose; }

// The functions for one element type. The loops are used if the library cannot be loaded.
#define CB_FUNCTIONS(T, GEMM, GEMV)                                                               \
  void cb_##GEMM(bool transpose_a, bool transpose_b, int m, int n, int k, T alpha, const T *a,    \
                 int lda, const T *b, int ldb, T beta, T *c, int ldc) {                           \
    if (is_ready()) {                                                                             \
      library.GEMM(row_major, operation(transpose_a), operation(transpose_b), m, n, k, alpha, a,  \
                   lda, b, ldb, beta, c, ldc);                                                    \
      return;                                                                                     \
    }                                                                                             \
    for (int i = 0; i < m; i++) {                                                                 \
      T *row = c + (size_t)i * ldc;                                                               \
      for (int j = 0; j < n; j++) row[j] = beta == 0 ? 0 : beta * row[j];                         \
      for (int p = 0; p < k; p++) {                                                               \
        T factor = alpha * (transpose_a ? a[(size_t)p * lda + i] : a[(size_t)i * lda + p]);       \
        for (int j = 0; j < n; j++)                                                               \
          row[j] += factor * (transpose_b ? b[(size_t)j * ldb + p] : b[(size_t)p * ldb + j]);     \
      }                                                                                           \
    }                                                                                             \
  }                                                                                               \
                                                                                                  \
  void cb_##GEMV(bool transpose, int m, int n, T alpha, const T *a, int lda, const T *x,          \
                 int stride_x, T beta, T *y, int stride_y) {                                      \
    if (is_ready()) {                                                                             \
      library.GEMV(row_major, operation(transpose), m, n, alpha, a, lda, x, stride_x, beta, y,    \
                   stride_y);                                                                     \
      return;                                                                                     \
    }                                                                                             \
    int rows = transpose ? n : m, depth = transpose ? m : n;                                      \
    for (int i = 0; i < rows; i++) {                                                              \
      T sum = 0;                                                                                  \
      for (int p = 0; p < depth; p++)                                                             \
        sum += (transpose ? a[(size_t)p * lda + i] : a[(size_t)i * lda + p]) *                    \
               x[(size_t)p * stride_x];                                                           \
      T *target = y + (size_t)i * stride_y;                                                       \
      *target = alpha * sum + (beta == 0 ? 0 : beta * *target);                                   \
    }                                                                                             \
  }

CB_FUNCTIONS(float, sgemm, sgemv)
CB_FUNCTIONS(double, dgemm, dgemv)
