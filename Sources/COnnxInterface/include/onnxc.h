/// Runs ONNX models from C and from every language that can call C.
///
/// Inputs and outputs are serialised messages of the standard: `TensorProto`, `SparseTensorProto`,
/// `SequenceProto`, `MapProto` or `OptionalProto`. Every element type can therefore be passed.
///
/// A function that fails returns NULL or -1, and `onnx_last_error` gives the reason. Bytes that are
/// not a valid model or value make a function fail; an invalid pointer is undefined behaviour, as in
/// any C function.
#ifndef ONNXC_H
#define ONNXC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A model ready to run.
typedef struct onnx_session onnx_session;

/// The message that a value's bytes hold. The numbers are those of `SequenceProto.DataType`.
enum {
  ONNX_TENSOR = 1,
  ONNX_SPARSE_TENSOR = 2,
  ONNX_SEQUENCE = 3,
  ONNX_MAP = 4,
  ONNX_OPTIONAL = 5,
};

/// An input or an output of a run: a serialised message, and the UTF-8 name of the graph's input or
/// output.
typedef struct onnx_value {
  const char *name;
  /// `ONNX_TENSOR` or another constant of that enumeration.
  int32_t kind;
  const void *data;
  size_t size;
} onnx_value;

/// Reads, checks and optimises a model.
///
/// `model` points to a serialised `ModelProto` of `size` bytes, which are copied: the caller may free
/// them after the call. `folder` is the folder of the model's external data; NULL for a model that
/// has none. `threads` is the number of threads that compute, 0 for as many as the CPUs that the
/// process may use.
///
/// Returns a session that the caller owns and frees with `onnx_free`, or NULL for an error.
onnx_session *onnx_load(const void *model, size_t size, const char *folder, int32_t threads);

/// Runs the model. Any number of threads may run one session at the same time.
///
/// `inputs` holds `input_count` values in any order: every input of the graph that is not an
/// initializer, and any of those that are. The caller keeps them and may free them after the call.
///
/// Returns 0 and stores an array of all outputs, in the order of the graph, at `outputs`, and their
/// number at `output_count`. The caller owns the array, with its names and bytes, and frees it with
/// `onnx_free_values`. For an error it returns -1 and stores NULL and 0.
int32_t onnx_run(
    const onnx_session *session, const onnx_value *inputs, size_t input_count,
    onnx_value **outputs, size_t *output_count);

/// Frees a session, which no thread may be running. The outputs of its runs stay valid; NULL is
/// ignored.
void onnx_free(onnx_session *session);

/// Frees the outputs of a run; NULL is ignored.
void onnx_free_values(onnx_value *values);

/// The error of this thread's last call of `onnx_load` or `onnx_run`: one line of UTF-8, empty where
/// the call succeeded. It is valid until the thread's next such call.
const char *onnx_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
