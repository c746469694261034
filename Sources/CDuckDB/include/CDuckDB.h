/// DuckDB, loaded on first use, so that nobody who reads no Parquet files needs it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

/// The types of duckdb.h, so that the header is not needed to build.
typedef void *_Nullable cd_handle;
typedef struct {
  uint64_t unused[3];
  void *_Nullable more_unused[3];
} cd_result;

/// The numbers of types, as in `DUCKDB_TYPE`.
enum {
  cd_boolean = 1, cd_tinyint, cd_smallint, cd_integer, cd_bigint, cd_utinyint, cd_usmallint,
  cd_uinteger, cd_ubigint, cd_float, cd_double,
  cd_hugeint = 16, cd_varchar = 17, cd_decimal = 19, cd_list = 24, cd_array = 33,
};

/// Loads the library, once per process: the file that the environment variable ONNX_DUCKDB names,
/// libduckdb, or the module of Python's package `duckdb`. No function below may be called before.
/// - Returns: null if the library can be used, else the reason
const char *_Nullable cd_load(void);

/// Opens a database in memory. Each setting is a name and a value; null ends the list.
/// - Returns: null, or the error, which lasts until the next call
const char *_Nullable cd_open(cd_handle *_Nonnull database,
                              const char *_Nullable const *_Nonnull settings);
void cd_close(cd_handle *_Nonnull database);
bool cd_connect(cd_handle database, cd_handle *_Nonnull connection);
void cd_disconnect(cd_handle *_Nonnull connection);

bool cd_prepare(cd_handle connection, const char *_Nonnull sql, cd_handle *_Nonnull statement);
const char *_Nullable cd_prepare_error(cd_handle statement);
bool cd_bind_text(cd_handle statement, uint64_t index, const char *_Nonnull text);
bool cd_bind_integer(cd_handle statement, uint64_t index, int64_t value);
void cd_destroy_statement(cd_handle *_Nonnull statement);
/// Runs a statement. A streaming result is computed as its chunks are fetched.
bool cd_execute(cd_handle statement, bool streams, cd_result *_Nonnull result);
const char *_Nullable cd_error(cd_result *_Nonnull result);
void cd_destroy_result(cd_result *_Nonnull result);
uint64_t cd_column_count(cd_result *_Nonnull result);
const char *_Nullable cd_column_name(cd_result *_Nonnull result, uint64_t column);
cd_handle cd_column_type(cd_result *_Nonnull result, uint64_t column);

/// The next rows; null at the end or after an error.
cd_handle cd_fetch(cd_result *_Nonnull result);
uint64_t cd_chunk_size(cd_handle chunk);
cd_handle cd_chunk_vector(cd_handle chunk, uint64_t column);
void cd_destroy_chunk(cd_handle *_Nonnull chunk);
cd_handle cd_vector_data(cd_handle vector);
/// A bit for each row; null if all are valid.
const uint64_t *_Nullable cd_vector_validity(cd_handle vector);
cd_handle cd_list_child(cd_handle vector);
uint64_t cd_list_size(cd_handle vector);
bool cd_list_resize(cd_handle vector, uint64_t size);
void cd_set_text(cd_handle vector, uint64_t row, const char *_Nonnull text, uint64_t length);

uint32_t cd_type_id(cd_handle type);
/// The type of the elements of a list or an array; null for other types.
cd_handle cd_child_type(cd_handle type);
cd_handle cd_simple_type(uint32_t id);
cd_handle cd_list_of(cd_handle type);
void cd_destroy_type(cd_handle *_Nonnull type);

cd_handle cd_create_chunk(cd_handle *_Nonnull types, uint64_t count);
void cd_set_chunk_size(cd_handle chunk, uint64_t size);
bool cd_create_appender(cd_handle connection, const char *_Nonnull table,
                        cd_handle *_Nonnull appender);
bool cd_append(cd_handle appender, cd_handle chunk);
bool cd_close_appender(cd_handle appender);
const char *_Nullable cd_appender_error(cd_handle appender);
void cd_destroy_appender(cd_handle *_Nonnull appender);
