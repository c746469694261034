/// Runs ONNX models from C and whatever can call C.
///
/// Values cross as the standard's own messages, serialised: `TensorProto`, `SparseTensorProto`,
/// `SequenceProto`, `MapProto` or `OptionalProto`. So every element type passes.
///
/// A function that fails returns NULL or -1; `onnx_last_error` then says why. Bytes that are no
/// model and no value are such a failure; pointers must be valid, as in any C function.
#ifndef ONNXC_H
#define ONNXC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A model ready to run.
typedef struct onnx_session onnx_session;

/// What the bytes of a value are. The numbers are those of `SequenceProto.DataType`.
enum {
  ONNX_TENSOR = 1,
  ONNX_SPARSE_TENSOR = 2,
  ONNX_SEQUENCE = 3,
  ONNX_MAP = 4,
  ONNX_OPTIONAL = 5,
};

/// An input or an output of a run: a serialised message and the name of the graph's input or
/// output, in UTF-8.
typedef struct onnx_value {
  const char *name;
  /// `ONNX_TENSOR` or one of its kin.
  int32_t kind;
  const void *data;
  size_t size;
} onnx_value;

/// Reads, checks and optimises a model.
///
/// `model` and `size` are a serialised `ModelProto`; the bytes are copied and may go after the
/// call. `folder` is where the model's external data lies, or NULL: then it can have none.
/// `threads` is how many threads compute, 0 for as many CPUs as the process may use.
///
/// Returns a session that the caller owns and gives back with `onnx_free`, or NULL.
onnx_session *onnx_load(const void *model, size_t size, const char *folder, int32_t threads);

/// Runs the model. Any number of threads may run one session at the same time.
///
/// `inputs` holds `input_count` values in any order: all inputs of the graph that are no
/// initializers, and any of those that are. They stay the caller's, who may free them after the
/// call; the session keeps nothing of them.
///
/// Returns 0 and stores at `outputs` an array of all outputs in the order of the graph, and at
/// `output_count` their number. The array is the caller's, who gives it back, names and bytes
/// included, with `onnx_free_values`. Returns -1 for an error, and stores NULL and 0.
int32_t onnx_run(
    const onnx_session *session, const onnx_value *inputs, size_t input_count,
    onnx_value **outputs, size_t *output_count);

/// Frees a session. Nobody may be running it, nor use it afterwards; NULL is ignored. Outputs of
/// its runs live on.
void onnx_free(onnx_session *session);

/// Frees what a run stored at `outputs`; NULL is ignored.
void onnx_free_values(onnx_value *values);

/// Why the last call of `onnx_load` or `onnx_run` on this thread failed: one line of UTF-8, empty
/// where it did not fail. It belongs to the thread, and is valid until its next such call.
const char *onnx_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
