// The parts of the module `swiftonnx._native`.
#ifndef NATIVE_H
#define NATIVE_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#define NPY_NO_DEPRECATED_API NPY_1_23_API_VERSION
#define NPY_TARGET_VERSION NPY_1_23_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL swiftonnx_numpy
#ifndef NATIVE_MODULE
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>

#include "onnxc.h"

// Sets the Python exception for the library's last error.
PyObject *raise_last_error(void);

// The element type of a dtype, a number of TensorProto.DataType; 0 and an exception if there is none.
int element_type_of(PyArray_Descr *descr);
// A new reference to the dtype of an element type; NULL and an exception if there is none.
PyArray_Descr *descr_of(int element_type);

// A tensor over the memory of an array, or of a copy if it is not contiguous; NULL and an exception.
onnx_value *value_from_array(PyArrayObject *array);
// A value of an array, list (sequence), dict (map), None (an empty optional), tuple of one (an optional
// that holds something), bytes (a sparse tensor's message), or an object with `__dlpack__`.
onnx_value *value_from_object(PyObject *object);
// A tensor over the memory of an object with `__dlpack__`.
onnx_value *value_from_dlpack(PyObject *object);
// The Python object of a value, which it takes over.
PyObject *object_from_value(onnx_value *value);

// Frees and clears values.
void free_values(onnx_value **values, Py_ssize_t count);

typedef struct {
  PyObject_HEAD
  onnx_session *session;
  // Positions by name.
  PyObject *inputs, *outputs;
  Py_ssize_t input_count, output_count;
  // For each input, 1 if it is a tensor.
  char *is_tensor;
} Session;

typedef struct {
  PyObject_HEAD
  onnx_trainer *trainer;
  // Another thread is using it.
  int is_busy;
} Trainer;

extern PyTypeObject *trainer_type;

// The session as an argument that is loaded; NULL and an exception.
onnx_session *loaded(Session *self);
// Adds a type to the module and returns it.
PyTypeObject *add_type(PyObject *module, PyType_Spec *spec);
// Frees the memory of an object and drops its type.
void free_object(PyObject *self);

int add_session(PyObject *module);
int add_bound(PyObject *module);
int add_trainer(PyObject *module);
// `Session._bind(inputs, outputs)`.
PyObject *session_bind(PyObject *self, PyObject *args);

#endif
