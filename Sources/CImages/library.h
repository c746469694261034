#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

// Libraries that few programs need are loaded when they are first used. Linking them with all their
// dependencies would add one or two milliseconds to the start of every program.
//
//     #define FUNCTIONS(F) F(WebPFree) F(WebPDecode)
//     CI_LIBRARY(webp, "libwebp.so.7", FUNCTIONS)
//
// declares `webp.WebPFree` and the others, and `webp_open`, which returns an error message or NULL.

#define CI_FIELD(function) __typeof__(function) *function;
#define CI_FIND(function) \
  if ((*(void **)&ci_table->function = dlsym(handle, #function)) == NULL) return #function;

#define CI_LIBRARY(name, file, functions)                                                     \
  static struct {                                                                             \
    functions(CI_FIELD) char problem[200];                                                    \
  } name;                                                                                     \
  static const char *name##_find(void *handle) {                                              \
    __typeof__(name) *ci_table = &name;                                                       \
    functions(CI_FIND) return NULL;                                                           \
  }                                                                                           \
  static void name##_load(void) {                                                             \
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);                                       \
    const char *missing = handle != NULL ? name##_find(handle) : NULL;                        \
    if (handle == NULL) snprintf(name.problem, sizeof name.problem, "%s", dlerror());         \
    if (missing) snprintf(name.problem, sizeof name.problem, "%s lacks %s", file, missing);   \
  }                                                                                           \
  static const char *name##_open(void) {                                                      \
    static pthread_once_t once = PTHREAD_ONCE_INIT;                                           \
    pthread_once(&once, name##_load);                                                         \
    return name.problem[0] != 0 ? name.problem : NULL;                                        \
  }
