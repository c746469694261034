#define _GNU_SOURCE
#include "CDuckDB.h"

#include <dlfcn.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The functions of duckdb.h that are used: result, name, parameters.
#define CD_FUNCTIONS(F)                                                                           \
  F(int, create_config, (cd_handle *))                                                            \
  F(int, set_config, (cd_handle, const char *, const char *))                                     \
  F(void, destroy_config, (cd_handle *))                                                          \
  F(int, open_ext, (const char *, cd_handle *, cd_handle, char **))                               \
  F(void, free, (void *))                                                                         \
  F(void, close, (cd_handle *))                                                                   \
  F(int, connect, (cd_handle, cd_handle *))                                                       \
  F(void, disconnect, (cd_handle *))                                                              \
  F(int, prepare, (cd_handle, const char *, cd_handle *))                                         \
  F(const char *, prepare_error, (cd_handle))                                                     \
  F(int, bind_varchar, (cd_handle, uint64_t, const char *))                                       \
  F(int, bind_int64, (cd_handle, uint64_t, int64_t))                                              \
  F(void, destroy_prepare, (cd_handle *))                                                         \
  F(int, execute_prepared, (cd_handle, cd_result *))                                              \
  F(int, execute_prepared_streaming, (cd_handle, cd_result *))                                    \
  F(const char *, result_error, (cd_result *))                                                    \
  F(void, destroy_result, (cd_result *))                                                          \
  F(uint64_t, column_count, (cd_result *))                                                        \
  F(const char *, column_name, (cd_result *, uint64_t))                                           \
  F(cd_handle, column_logical_type, (cd_result *, uint64_t))                                      \
  F(cd_handle, fetch_chunk, (cd_result))                                                          \
  F(uint64_t, data_chunk_get_size, (cd_handle))                                                   \
  F(cd_handle, data_chunk_get_vector, (cd_handle, uint64_t))                                      \
  F(void, data_chunk_set_size, (cd_handle, uint64_t))                                             \
  F(void, destroy_data_chunk, (cd_handle *))                                                      \
  F(void *, vector_get_data, (cd_handle))                                                         \
  F(uint64_t *, vector_get_validity, (cd_handle))                                                 \
  F(cd_handle, list_vector_get_child, (cd_handle))                                                \
  F(uint64_t, list_vector_get_size, (cd_handle))                                                  \
  F(int, list_vector_reserve, (cd_handle, uint64_t))                                              \
  F(int, list_vector_set_size, (cd_handle, uint64_t))                                             \
  F(void, vector_assign_string_element_len, (cd_handle, uint64_t, const char *, uint64_t))        \
  F(int, get_type_id, (cd_handle))                                                                \
  F(cd_handle, list_type_child_type, (cd_handle))                                                 \
  F(cd_handle, array_type_child_type, (cd_handle))                                                \
  F(cd_handle, create_logical_type, (int))                                                        \
  F(cd_handle, create_list_type, (cd_handle))                                                     \
  F(void, destroy_logical_type, (cd_handle *))                                                    \
  F(cd_handle, create_data_chunk, (cd_handle *, uint64_t))                                        \
  F(int, appender_create, (cd_handle, const char *, const char *, cd_handle *))                   \
  F(int, append_data_chunk, (cd_handle, cd_handle))                                               \
  F(int, appender_close, (cd_handle))                                                             \
  F(const char *, appender_error, (cd_handle))                                                    \
  F(int, appender_destroy, (cd_handle *))

static struct {
#define F(result, name, parameters) result(*name) parameters;
  CD_FUNCTIONS(F)
#undef F
  bool is_open;
  char problem[512];
} library;

static void *open_file(const char *path) {
  void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
  if (!handle && !library.problem[0])
    snprintf(library.problem, sizeof library.problem, "%s", dlerror());
  return handle;
}

// Loads a module of Python, whose interpreter it looks up in the process: libpython3.11.so for a
// module named ….cpython-311-….so, from where the system or the environment's own Python has it.
static void *open_module(const char *path) {
  const char *tag = strstr(path, ".cpython-3");
  int minor = tag ? atoi(tag + strlen(".cpython-3")) : 0;
  if (!minor) return open_file(path);
  char name[64], candidate[PATH_MAX + 128], python[PATH_MAX], real[PATH_MAX];
  snprintf(name, sizeof name, "libpython3.%d.so.1.0", minor);
  void *interpreter = dlopen(name, RTLD_LAZY | RTLD_GLOBAL);
  const char *lib = strstr(path, "/lib/");
  if (!interpreter && lib) {
    snprintf(python, sizeof python, "%.*s/bin/python3", (int)(lib - path), path);
    if (realpath(python, real)) {
      snprintf(candidate, sizeof candidate, "%s/../lib/%s", dirname(real), name);
      interpreter = dlopen(candidate, RTLD_LAZY | RTLD_GLOBAL);
    }
  }
  return open_file(path);
}

static void *open_matching(const char *pattern) {
  glob_t found;
  void *handle = NULL;
  if (glob(pattern, 0, NULL, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc && !handle; i++) handle = open_module(found.gl_pathv[i]);
    globfree(&found);
  }
  return handle;
}

static void *load(void) {
  const char *named = getenv("ONNX_DUCKDB");
  if (named && *named) return open_module(named);
  static const char *const names[] = {"libduckdb.so", "libduckdb.dylib"};
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    void *handle = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL);
    if (handle) return handle;
  }
  const char *folders[] = {getenv("VIRTUAL_ENV"), ".venv", getenv("HOME"), "/usr/local", "/usr"};
  for (unsigned i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    if (!folders[i] || !*folders[i]) continue;
    static const char *const places[] = {"lib/python3*/site-packages", "lib/python3*/dist-packages",
                                         ".local/lib/python3*/site-packages",
                                         "lib/python3/dist-packages"};
    for (unsigned j = 0; j < sizeof places / sizeof places[0]; j++) {
      char pattern[PATH_MAX];
      snprintf(pattern, sizeof pattern, "%s/%s/_duckdb*.so", folders[i], places[j]);
      void *handle = open_matching(pattern);
      if (!handle) {
        snprintf(pattern, sizeof pattern, "%s/%s/duckdb/duckdb*.so", folders[i], places[j]);
        handle = open_matching(pattern);
      }
      if (handle) return handle;
    }
  }
  return NULL;
}

static void open_library(void) {
  void *handle = load();
  if (!handle) {
    if (!library.problem[0]) snprintf(library.problem, sizeof library.problem, "it was not found");
    return;
  }
#define F(result, name, parameters)                                                               \
  library.name = (result(*) parameters)dlsym(handle, "duckdb_" #name);                            \
  if (!library.name) {                                                                            \
    snprintf(library.problem, sizeof library.problem, "it lacks the function duckdb_" #name);     \
    return;                                                                                       \
  }
  CD_FUNCTIONS(F)
#undef F
  library.is_open = true;
}

const char *cd_load(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, open_library);
  return library.is_open ? NULL : library.problem;
}

const char *cd_open(cd_handle *database, const char *const *settings) {
  static char problem[512];
  cd_handle config = NULL;
  char *error = NULL;
  if (library.create_config(&config)) return "no memory for its settings";
  for (; *settings; settings += 2) {
    if (library.set_config(config, settings[0], settings[1])) {
      snprintf(problem, sizeof problem, "it has no setting %s", settings[0]);
      library.destroy_config(&config);
      return problem;
    }
  }
  bool failed = library.open_ext(NULL, database, config, &error);
  library.destroy_config(&config);
  if (!failed) return NULL;
  snprintf(problem, sizeof problem, "%s", error ? error : "it cannot be opened");
  if (error) library.free(error);
  return problem;
}

void cd_close(cd_handle *database) { library.close(database); }
bool cd_connect(cd_handle database, cd_handle *connection) {
  return !library.connect(database, connection);
}
void cd_disconnect(cd_handle *connection) { library.disconnect(connection); }
bool cd_prepare(cd_handle connection, const char *sql, cd_handle *statement) {
  return !library.prepare(connection, sql, statement);
}
const char *cd_prepare_error(cd_handle statement) { return library.prepare_error(statement); }
bool cd_bind_text(cd_handle statement, uint64_t index, const char *text) {
  return !library.bind_varchar(statement, index, text);
}
bool cd_bind_integer(cd_handle statement, uint64_t index, int64_t value) {
  return !library.bind_int64(statement, index, value);
}
void cd_destroy_statement(cd_handle *statement) { library.destroy_prepare(statement); }
bool cd_execute(cd_handle statement, bool streams, cd_result *result) {
  return !(streams ? library.execute_prepared_streaming : library.execute_prepared)(statement,
                                                                                    result);
}
const char *cd_error(cd_result *result) { return library.result_error(result); }
void cd_destroy_result(cd_result *result) { library.destroy_result(result); }
uint64_t cd_column_count(cd_result *result) { return library.column_count(result); }
const char *cd_column_name(cd_result *result, uint64_t column) {
  return library.column_name(result, column);
}
cd_handle cd_column_type(cd_result *result, uint64_t column) {
  return library.column_logical_type(result, column);
}
cd_handle cd_fetch(cd_result *result) { return library.fetch_chunk(*result); }
uint64_t cd_chunk_size(cd_handle chunk) { return library.data_chunk_get_size(chunk); }
cd_handle cd_chunk_vector(cd_handle chunk, uint64_t column) {
  return library.data_chunk_get_vector(chunk, column);
}
void cd_destroy_chunk(cd_handle *chunk) { library.destroy_data_chunk(chunk); }
cd_handle cd_vector_data(cd_handle vector) { return library.vector_get_data(vector); }
const uint64_t *cd_vector_validity(cd_handle vector) {
  return library.vector_get_validity(vector);
}
cd_handle cd_list_child(cd_handle vector) { return library.list_vector_get_child(vector); }
uint64_t cd_list_size(cd_handle vector) { return library.list_vector_get_size(vector); }
bool cd_list_resize(cd_handle vector, uint64_t size) {
  return !library.list_vector_reserve(vector, size) && !library.list_vector_set_size(vector, size);
}
void cd_set_text(cd_handle vector, uint64_t row, const char *text, uint64_t length) {
  library.vector_assign_string_element_len(vector, row, text, length);
}
uint32_t cd_type_id(cd_handle type) { return (uint32_t)library.get_type_id(type); }
cd_handle cd_child_type(cd_handle type) {
  switch (library.get_type_id(type)) {
  case cd_list: return library.list_type_child_type(type);
  case cd_array: return library.array_type_child_type(type);
  default: return NULL;
  }
}
cd_handle cd_simple_type(uint32_t id) { return library.create_logical_type((int)id); }
cd_handle cd_list_of(cd_handle type) { return library.create_list_type(type); }
void cd_destroy_type(cd_handle *type) { library.destroy_logical_type(type); }
cd_handle cd_create_chunk(cd_handle *types, uint64_t count) {
  return library.create_data_chunk(types, count);
}
void cd_set_chunk_size(cd_handle chunk, uint64_t size) {
  library.data_chunk_set_size(chunk, size);
}
bool cd_create_appender(cd_handle connection, const char *table, cd_handle *appender) {
  return !library.appender_create(connection, NULL, table, appender);
}
bool cd_append(cd_handle appender, cd_handle chunk) {
  return !library.append_data_chunk(appender, chunk);
}
bool cd_close_appender(cd_handle appender) { return !library.appender_close(appender); }
const char *cd_appender_error(cd_handle appender) { return library.appender_error(appender); }
void cd_destroy_appender(cd_handle *appender) { library.appender_destroy(appender); }
