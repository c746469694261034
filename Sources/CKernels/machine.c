// The peak rates of this machine: multiply-adds in registers and reads from memory.
#include "ck_machine.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "dispatch.h"

#define ACCUMULATORS 12
#define STREAMS 8
#define OPERATIONS (1 << 16)
#define LONGEST 64

// `multiply_add` returns its number of operations, `sweep` a checksum of the bytes it read.
#define KERNELS(suffix, target, width)                                                      \
  target static double multiply_add_##suffix(volatile float *numbers) {                     \
    typedef float vector __attribute__((vector_size(width)));                               \
    vector sums[ACCUMULATORS], factor = {0}, term = {0};                                    \
    factor += numbers[0];                                                                   \
    term += numbers[1];                                                                     \
    for (int i = 0; i < ACCUMULATORS; i++) sums[i] = term + (float)i;                       \
    const int rounds = OPERATIONS / (ACCUMULATORS * (width) / 4);                           \
    for (int round = 0; round < rounds; round++) {                                          \
      UNROLL for (int i = 0; i < ACCUMULATORS; i++) sums[i] = sums[i] * factor + term;      \
    }                                                                                       \
    vector sum = sums[0];                                                                   \
    for (int i = 1; i < ACCUMULATORS; i++) sum += sums[i];                                  \
    numbers[2] = sum[0] + sum[1];                                                           \
    return 2.0 * rounds * ACCUMULATORS * (width) / 4;                                       \
  }                                                                                         \
  target static uint64_t sweep_##suffix(const char *bytes, size_t count) {                  \
    typedef uint64_t vector __attribute__((vector_size(width)));                            \
    vector sums[STREAMS] = {0};                                                             \
    for (const char *at = bytes; at < bytes + count; at += STREAMS * (width)) {             \
      UNROLL for (int i = 0; i < STREAMS; i++) sums[i] += *(const vector *)(at + i * (width)); \
    }                                                                                       \
    vector sum = sums[0];                                                                   \
    for (int i = 1; i < STREAMS; i++) sum += sums[i];                                       \
    return sum[0] ^ sum[1];                                                                 \
  }

KERNELS(portable, , 16)
#if defined(__x86_64__)
KERNELS(avx2, __attribute__((target("avx2,fma"))), 32)
KERNELS(avx512, __attribute__((target("avx512f"))), 64)
#endif

static double multiply_add(volatile float *numbers) {
  return CK_PER_LEVEL(multiply_add_avx512, multiply_add_avx2, multiply_add_portable)(numbers);
}

static uint64_t sweep(const char *bytes, size_t count) {
  return CK_PER_LEVEL(sweep_avx512, sweep_avx2, sweep_portable)(bytes, count);
}

typedef struct {
  pthread_t thread;
  atomic_int *state;  // the number of threads that are ready; negative to cancel
  int threads;
  size_t bytes;  // 0 for multiply-adds
  double seconds, rate;
} worker;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void *work(void *argument) {
  worker *self = argument;
  volatile float numbers[3] = {0.999f, 0.001f, 0};
  volatile uint64_t seen = 0;
  char *bytes = NULL;
  if (self->bytes) {
    // Huge pages, so that address translation does not limit the rate.
    const size_t page = (size_t)2 << 20, size = (self->bytes + page - 1) / page * page;
    bytes = aligned_alloc(page, size);
    if (bytes) {
      madvise(bytes, size, MADV_HUGEPAGE);
      memset(bytes, 1, size);
      seen = sweep(bytes, self->bytes);
    }
  } else {
    multiply_add(numbers);
  }
  atomic_fetch_add(self->state, 1);
  int state;
  while ((state = atomic_load(self->state)) >= 0 && state < self->threads) sched_yield();
  if (state < 0 || (self->bytes && !bytes)) {
    free(bytes);
    return NULL;
  }
  const double began = now();
  double done = 0, end = began;
  const size_t sweeps = self->bytes ? 1 + ((size_t)1 << 20) / self->bytes : 1;
  while (end - began < self->seconds) {
    for (size_t i = 0; i < sweeps; i++) {
      if (bytes) {
        seen += sweep(bytes, self->bytes);
        done += (double)self->bytes;
      } else {
        done += multiply_add(numbers);
      }
    }
    end = now();
  }
  self->rate = done / (end - began);
  free(bytes);
  return NULL;
}

/// The sum of the rates of all threads, or 0 if a thread failed.
static double together(int threads, size_t bytes, double seconds) {
  if (threads < 1 || threads > LONGEST) return 0;
  worker workers[LONGEST];
  atomic_int state = 0;
  for (int i = 0; i < threads; i++) {
    workers[i] =
        (worker){.state = &state, .threads = threads, .bytes = bytes, .seconds = seconds};
  }
  int made = 1;
  while (made < threads && !pthread_create(&workers[made].thread, NULL, work, &workers[made])) {
    made++;
  }
  if (made == threads) {
    work(&workers[0]);
  } else {
    atomic_store(&state, -2 * LONGEST);
  }
  double rate = workers[0].rate;
  for (int i = 1; i < made; i++) {
    pthread_join(workers[i].thread, NULL);
    rate += workers[i].rate;
  }
  return rate;
}

double ck_multiply_add_rate(int threads, double seconds) { return together(threads, 0, seconds); }

double ck_read_rate(int threads, size_t bytes, double seconds) {
  // A multiple of what the widest sweep reads per iteration.
  const size_t round = STREAMS * 64;
  const size_t part = bytes / (size_t)(threads > 0 ? threads : 1) / round * round;
  return together(threads, part < round ? round : part, seconds);
}
