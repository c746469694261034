#ifndef CK_THREADS_H
#define CK_THREADS_H

#include <stdint.h>

/// The number of CPUs in the process's affinity mask, at least 1.
int ck_affinity_cpus(void);
/// The number of CPUs in the process's affinity mask, at most the cgroup's quota, at least 1.
int ck_available_cpus(void);

/// A gate at which threads sleep until another thread opens it.
typedef struct ck_gate ck_gate;
ck_gate *ck_gate_create(void);
void ck_gate_destroy(ck_gate *gate);
/// The number of times the gate was opened.
uint64_t ck_gate_count(ck_gate *gate);
/// Sleeps until the gate has been opened more than `count` times.
void ck_gate_wait(ck_gate *gate, uint64_t count);
void ck_gate_open(ck_gate *gate);

/// The flag that tells the work of this thread to end early; `NULL` for none. It stays valid until the
/// thread gets another one.
const int32_t *ck_stop_flag(void);
void ck_set_stop_flag(const int32_t *flag);
/// Whether the flag of this thread is set. Its results are then thrown away, so that any loop may end.
int ck_is_stopped(void);
/// Sets or reads a flag that other threads use.
void ck_flag_set(int32_t *flag);
int ck_flag_is_set(const int32_t *flag);

/// Tells the CPU that this thread is in a spin loop.
static inline void ck_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#endif
