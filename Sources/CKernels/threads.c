#define _GNU_SOURCE
#include "ck_threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

int ck_affinity_cpus(void) {
  cpu_set_t set;
  int cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return cpus < 1 ? 1 : cpus;
}

int ck_available_cpus(void) {
  int cpus = ck_affinity_cpus();
  double quota = -1, period = -1;
  FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");
  if (file) {
    if (fscanf(file, "%lf %lf", &quota, &period) != 2) quota = -1;  // "max": no quota
    fclose(file);
  } else {
    if ((file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r"))) {
      if (fscanf(file, "%lf", &quota) != 1) quota = -1;
      fclose(file);
    }
    if ((file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r"))) {
      if (fscanf(file, "%lf", &period) != 1) period = -1;
      fclose(file);
    }
  }
  if (quota > 0 && period > 0) {
    int allowed = (int)((quota + period - 1) / period);
    if (allowed < cpus) cpus = allowed;
  }
  return cpus < 1 ? 1 : cpus;
}

struct ck_gate {
  pthread_mutex_t mutex;
  pthread_cond_t opened;
  uint64_t count;
};

ck_gate *ck_gate_create(void) {
  ck_gate *gate = malloc(sizeof *gate);
  if (!gate) abort();
  pthread_mutex_init(&gate->mutex, NULL);
  pthread_cond_init(&gate->opened, NULL);
  gate->count = 0;
  return gate;
}

void ck_gate_destroy(ck_gate *gate) {
  pthread_cond_destroy(&gate->opened);
  pthread_mutex_destroy(&gate->mutex);
  free(gate);
}

uint64_t ck_gate_count(ck_gate *gate) {
  pthread_mutex_lock(&gate->mutex);
  uint64_t count = gate->count;
  pthread_mutex_unlock(&gate->mutex);
  return count;
}

void ck_gate_wait(ck_gate *gate, uint64_t count) {
  pthread_mutex_lock(&gate->mutex);
  while (gate->count <= count) pthread_cond_wait(&gate->opened, &gate->mutex);
  pthread_mutex_unlock(&gate->mutex);
}

void ck_gate_open(ck_gate *gate) {
  pthread_mutex_lock(&gate->mutex);
  gate->count++;
  pthread_cond_broadcast(&gate->opened);
  pthread_mutex_unlock(&gate->mutex);
}

static _Thread_local const int32_t *stop_flag;

const int32_t *ck_stop_flag(void) { return stop_flag; }
void ck_set_stop_flag(const int32_t *flag) { stop_flag = flag; }
int ck_is_stopped(void) { return stop_flag && ck_flag_is_set(stop_flag); }
void ck_flag_set(int32_t *flag) { __atomic_store_n(flag, 1, __ATOMIC_RELAXED); }
int ck_flag_is_set(const int32_t *flag) { return __atomic_load_n(flag, __ATOMIC_RELAXED); }
