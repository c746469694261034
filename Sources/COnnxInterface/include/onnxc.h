/// Runs and trains ONNX models from C and from every language that can call C.
///
/// A function that fails returns NULL or -1; `onnx_last_error` gives the reason and
/// `onnx_last_error_kind` its kind. Bytes, names and numbers that are wrong make a function fail; an
/// invalid pointer is undefined behaviour, as in any C function. NULL is an error where it is not said
/// to be allowed, and every function that frees ignores it.
///
/// `options` are words `name=value` separated by spaces, or NULL for the defaults. A name or a value
/// that is unknown is an error.
#ifndef ONNXC_H
#define ONNXC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A model ready to run. Any number of threads may run it at the same time.
typedef struct onnx_session onnx_session;
/// A tensor or another value. One thread at a time may use it.
typedef struct onnx_value onnx_value;
/// A session with fixed memory for inputs and outputs. One thread at a time may run it.
typedef struct onnx_bound onnx_bound;
/// A model in training. One thread at a time may use it.
typedef struct onnx_trainer onnx_trainer;

// Errors

/// The kinds of errors.
enum {
  ONNX_OK = 0,
  /// An argument of the call, or an input of a run, is wrong.
  ONNX_INVALID_ARGUMENT = 1,
  /// A file cannot be read or written.
  ONNX_NO_FILE = 2,
  /// The bytes are not a model, or not a valid one.
  ONNX_INVALID_MODEL = 3,
  /// The model has operators or features that the library does not have.
  ONNX_NOT_IMPLEMENTED = 4,
  /// There is not enough memory.
  ONNX_OUT_OF_MEMORY = 5,
  /// Another thread is running the bound session.
  ONNX_BUSY = 6,
  /// A node failed, or training did.
  ONNX_FAILED = 7,
};

/// The error of this thread's last call: one line of UTF-8, empty where the call succeeded. It is
/// valid until the thread's next call. Functions that free, and those that return text or a kind,
/// leave it as it is.
const char *onnx_last_error(void);

/// The kind of this thread's last error; `ONNX_OK` where the call succeeded.
int32_t onnx_last_error_kind(void);

// Values

/// The kinds of values. The numbers are those of `SequenceProto.DataType`.
enum {
  ONNX_TENSOR = 1,
  ONNX_SPARSE_TENSOR = 2,
  ONNX_SEQUENCE = 3,
  ONNX_MAP = 4,
  ONNX_OPTIONAL = 5,
};

/// Elements in memory, in row-major order.
typedef struct onnx_tensor {
  /// A number of `TensorProto.DataType`: 1 is float32, 7 int64. Elements of less than 8 bits take a
  /// byte each.
  int32_t element_type;
  int32_t rank;
  /// `rank` sizes.
  const int64_t *shape;
  void *data;
} onnx_tensor;

/// Makes a tensor over the caller's elements, which are not copied where that can be avoided: int32,
/// int64, booleans and elements of less than 8 bits are, and so are elements that are not aligned.
///
/// Until the library calls `release` with `context`, the elements must stay valid and should not
/// change. It does so on any thread, at the latest when the value and all runs that take it are over,
/// or before this function returns if it fails. A `release` of NULL means that the elements outlive
/// the value.
onnx_value *onnx_make_tensor(
    const onnx_tensor *elements, void (*release)(void *context), void *context);

/// Makes a tensor of strings. String `i` is the UTF-8 bytes from `offsets[i]` to `offsets[i + 1]`.
onnx_value *onnx_make_strings(
    const int64_t *shape, int32_t rank, const char *bytes, const size_t *offsets);

/// Makes a sequence of values, which stay the caller's.
onnx_value *onnx_make_sequence(const onnx_value *const *elements, size_t count);

/// Makes a map from keys, a tensor of integers or strings with one axis, to as many values. All stay
/// the caller's.
onnx_value *onnx_make_map(
    const onnx_value *keys, const onnx_value *const *values, size_t count);

/// Makes an optional that holds a value, which stays the caller's, or an empty one for NULL.
onnx_value *onnx_make_optional(const onnx_value *value);

/// Reads a serialised `TensorProto`, `SparseTensorProto`, `SequenceProto`, `MapProto` or
/// `OptionalProto`, as `kind` says.
onnx_value *onnx_parse(const void *bytes, size_t size, int32_t kind);

/// Frees a value. Its elements stay valid as long as other values use them.
void onnx_free_value(onnx_value *value);

/// The kind of the value.
int32_t onnx_kind(const onnx_value *value);

/// Describes a tensor; `data` is NULL for strings. The memory is the value's.
int32_t onnx_get_tensor(const onnx_value *value, onnx_tensor *elements);

/// The shape and the strings of a tensor, in the form that `onnx_make_strings` takes. The memory is
/// the value's.
int32_t onnx_get_strings(
    onnx_value *value, onnx_tensor *shape, const char **bytes, const size_t **offsets);

/// The number of values that a sequence, a map or an optional holds; 0 for tensors.
size_t onnx_count(const onnx_value *value);

/// A value of a sequence, a map or an optional. The caller frees it.
onnx_value *onnx_element(const onnx_value *value, size_t index);

/// The keys of a map, as a tensor with one axis. The caller frees it.
onnx_value *onnx_keys(const onnx_value *value);

/// Writes the value as the message that `onnx_parse` reads. The caller frees the bytes with `free`.
void *onnx_serialize(const onnx_value *value, size_t *size);

// Sessions

/// Reads, checks and optimises a model.
///
/// `model` is a serialised `ModelProto` of `size` bytes, which are copied. `folder` is the folder of
/// the model's external data; NULL for a model that has none.
///
/// Options: `threads` (the CPUs that the process may use), `optimization` (`all` or `none`),
/// `convolution` (`automatic` or `exact`), `batch_invariant` (1 or 0), `memory_limit` in bytes, `seed`.
///
/// The caller frees the session with `onnx_free`.
onnx_session *onnx_load(
    const void *model, size_t size, const char *folder, const char *options);

/// Reads, checks and optimises the model in a file. External data is found beside it.
onnx_session *onnx_load_file(const char *path, const char *options);

/// Frees a session, which no thread may be running. Values and bound sessions stay valid.
void onnx_free(onnx_session *session);

/// Inputs, outputs and metadata as JSON. The text is the session's.
///
/// `inputs`, `optional_inputs` (those with a value in the model) and `outputs` are lists of objects
/// with `name`, `type` such as `tensor(float)`, and for tensors `element_type` and, where the rank is
/// known, `shape`, a list of sizes, names and nulls. `model` has `producer_name`, `graph_name`,
/// `domain`, `description`, `graph_description`, `version`, and the entries of `metadata`.
const char *onnx_describe(const onnx_session *session);

/// The position of an input, the optional ones behind the others; -1 for an unknown name.
int32_t onnx_input(const onnx_session *session, const char *name);

/// The position of an output; -1 for an unknown name.
int32_t onnx_output(const onnx_session *session, const char *name);

/// Runs the model.
///
/// `inputs` holds a value for each of the first `input_count` inputs, NULL for an optional input that
/// keeps the model's value. They stay the caller's. Stores the first `output_count` outputs at
/// `outputs`, which the caller frees; all are NULL if the run fails.
int32_t onnx_run(
    const onnx_session *session, const onnx_value *const *inputs, size_t input_count,
    onnx_value **outputs, size_t output_count);

// Bound sessions

/// Binds a session to memory of inputs and outputs, which each run reads and writes.
///
/// `inputs` describes the memory of the first `input_count` inputs, with `data` NULL for an optional
/// input that keeps the model's value. `outputs` describes that of the first `output_count` outputs;
/// where `data` is NULL, the bound session allocates it and stores all fields, and where `rank` is -1,
/// the output is left out. The caller's memory must stay valid until `onnx_unbind`. Outputs whose size depends on the data of inputs, and strings, cannot be bound.
onnx_bound *onnx_bind(
    const onnx_session *session, const onnx_tensor *inputs, size_t input_count,
    onnx_tensor *outputs, size_t output_count);

/// Runs the model on the current contents of the inputs' memory. Allocates nothing.
int32_t onnx_run_bound(const onnx_bound *bound);

/// Frees a bound session and the memory that it allocated.
void onnx_unbind(onnx_bound *bound);

// Training

/// The result of a batch.
typedef struct onnx_step {
  /// The mean loss.
  double loss;
  /// The fraction of correct predictions; -1 for losses other than cross entropy.
  double accuracy;
  /// The norm of all gradients before clipping; 0 for an evaluation.
  double gradient_norm;
} onnx_step;

/// Makes a trainer for a model, given as to `onnx_load`.
///
/// Options: those of `onnx_load`, and `loss` (`cross_entropy`, `mse`, `bce` or `mean`), `optimizer`
/// (`adam`, `adamw`, `sgd`, `rmsprop`, `adagrad` or `adadelta`) with `momentum`, `nesterov`, `beta1`,
/// `beta2`, `decay`, `epsilon`, `weight_decay`, `rate_decay` where it has them, `clip_norm`,
/// `clip_value`, `accumulation`, `ignored_label`, `output`, and the patterns `frozen` and `trained`,
/// separated by commas. `train_seed` is the seed of dropout.
onnx_trainer *onnx_make_trainer(
    const void *model, size_t size, const char *folder, const char *options);

/// Frees a trainer.
void onnx_free_trainer(onnx_trainer *trainer);

/// The inputs of a batch and the trained parameters as JSON: `inputs` as in `onnx_describe`, and
/// `parameters`, a list of names. The text is the trainer's.
const char *onnx_describe_trainer(const onnx_trainer *trainer);

/// Trains on a batch: tensors by name. Labels or targets are named `labels`.
int32_t onnx_train(
    onnx_trainer *trainer, const char *const *names, const onnx_value *const *values,
    size_t count, double learning_rate, onnx_step *result);

/// Computes loss and accuracy of a batch with operators in inference mode.
int32_t onnx_evaluate(
    onnx_trainer *trainer, const char *const *names, const onnx_value *const *values,
    size_t count, onnx_step *result);

/// A session of the model with its current parameters.
onnx_session *onnx_trained_session(const onnx_trainer *trainer);

/// The model with its current parameters. The caller frees the bytes with `free`.
void *onnx_trained_model(const onnx_trainer *trainer, size_t *size);

/// Writes parameters, state of the optimiser and number of batches to a file.
int32_t onnx_save_checkpoint(const onnx_trainer *trainer, const char *path);

/// Continues from such a file, with a trainer made from the same model and options.
int32_t onnx_load_checkpoint(onnx_trainer *trainer, const char *path);

#ifdef __cplusplus
}
#endif

#endif
