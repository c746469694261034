// Sessions bound to the memory of arrays.
#include "native.h"

#include <stdlib.h>
#include <string.h>

// Frees a bound session and drops the arrays whose memory it uses. The capsule is the base of the
// arrays over memory of the bound session.
typedef struct {
  onnx_bound *bound;
  PyObject *arrays;
} Binding;

typedef struct {
  PyObject_HEAD
  PyObject *capsule;
  Binding *binding;
  PyObject *outputs;
} Bound;

static const char capsule_name[] = "swiftonnx.bound";
static PyTypeObject *bound_type;

static void free_capsule(PyObject *capsule) {
  Binding *binding = PyCapsule_GetPointer(capsule, capsule_name);
  onnx_unbind(binding->bound);
  Py_XDECREF(binding->arrays);
  free(binding);
}

// Describes the memory of an array, whose sizes are copied to `sizes`; -1 and an exception.
static int describe(PyObject *object, onnx_tensor *tensor, int64_t **sizes, int is_written) {
  if (!PyArray_Check(object)) {
    PyErr_Format(
        PyExc_TypeError, "a bound session uses the memory of arrays; got %R",
        (PyObject *)Py_TYPE(object));
    return -1;
  }
  PyArrayObject *array = (PyArrayObject *)object;
  int type = element_type_of(PyArray_DESCR(array));
  if (!type) return -1;
  if (type == 8 || !PyArray_ISCARRAY_RO(array) || (is_written && !PyArray_ISWRITEABLE(array))) {
    PyErr_SetString(
        PyExc_ValueError,
        "a bound session uses the memory of arrays that are contiguous in row-major order, not of "
        "strings, and writeable for outputs; numpy.ascontiguousarray makes such an array");
    return -1;
  }
  tensor->element_type = type;
  tensor->rank = PyArray_NDIM(array);
  tensor->shape = *sizes;
  tensor->data = PyArray_DATA(array);
  for (int axis = 0; axis < tensor->rank; axis++) *(*sizes)++ = PyArray_DIM(array, axis);
  return 0;
}

// An array over memory of the bound session.
static PyObject *array_over(const onnx_tensor *tensor, PyObject *capsule) {
  PyArray_Descr *descr = descr_of(tensor->element_type);
  if (!descr) return NULL;
  PyObject *array = PyArray_NewFromDescr(
      &PyArray_Type, descr, tensor->rank, (npy_intp *)tensor->shape, NULL, tensor->data,
      NPY_ARRAY_CARRAY, NULL);
  if (array && PyArray_SetBaseObject((PyArrayObject *)array, Py_NewRef(capsule)) < 0) {
    Py_CLEAR(array);
  }
  return array;
}

// Binds to the memory that the tensors describe, and makes the tuple of output arrays.
static PyObject *bind(
    Session *session, PyObject *inputs, PyObject *outputs, onnx_tensor *tensors, int64_t *sizes) {
  Py_ssize_t input_count = PyTuple_Size(inputs), output_count = PyTuple_Size(outputs);
  onnx_tensor *written = tensors + input_count;
  for (Py_ssize_t i = 0; i < input_count; i++) {
    PyObject *array = PyTuple_GetItem(inputs, i);
    if (array != Py_None && describe(array, tensors + i, &sizes, 0) < 0) return NULL;
  }
  for (Py_ssize_t i = 0; i < output_count; i++) {
    PyObject *array = PyTuple_GetItem(outputs, i);
    if (array == Py_None) written[i].rank = -1;
    else if (array != Py_True && describe(array, written + i, &sizes, 1) < 0) return NULL;
  }
  Binding *binding = calloc(1, sizeof *binding);
  if (!binding) return PyErr_NoMemory();
  PyObject *capsule = NULL;
  Py_BEGIN_ALLOW_THREADS
  binding->bound = onnx_bind(session->session, tensors, input_count, written, output_count);
  Py_END_ALLOW_THREADS
  if (!binding->bound) raise_last_error();
  else capsule = PyCapsule_New(binding, capsule_name, free_capsule);
  if (!capsule) {
    onnx_unbind(binding->bound);
    free(binding);
    return NULL;
  }
  binding->arrays = Py_BuildValue("(OO)", inputs, outputs);
  PyObject *arrays = PyList_New(0);
  for (Py_ssize_t i = 0; arrays && i < output_count; i++) {
    if (written[i].rank < 0) continue;
    PyObject *given = PyTuple_GetItem(outputs, i);
    PyObject *array = given == Py_True ? array_over(written + i, capsule) : Py_NewRef(given);
    if (!array || PyList_Append(arrays, array) < 0) Py_CLEAR(arrays);
    Py_XDECREF(array);
  }
  Bound *self = arrays && binding->arrays ? (Bound *)PyType_GenericAlloc(bound_type, 0) : NULL;
  if (!self) {
    Py_XDECREF(arrays);
    Py_DECREF(capsule);
    return NULL;
  }
  self->capsule = capsule;
  self->binding = binding;
  self->outputs = PyList_AsTuple(arrays);
  Py_DECREF(arrays);
  if (!self->outputs) Py_CLEAR(self);
  return (PyObject *)self;
}

PyObject *session_bind(PyObject *object, PyObject *args) {
  Session *session = (Session *)object;
  PyObject *inputs, *outputs;
  if (!PyArg_ParseTuple(args, "O!O!", &PyTuple_Type, &inputs, &PyTuple_Type, &outputs)) return NULL;
  if (!loaded(session)) return NULL;
  Py_ssize_t count = PyTuple_Size(inputs) + PyTuple_Size(outputs);
  Py_ssize_t rank = 0;
  for (int k = 0; k < 2; k++) {
    PyObject *arrays = k ? outputs : inputs;
    for (Py_ssize_t i = 0; i < PyTuple_Size(arrays); i++) {
      PyObject *array = PyTuple_GetItem(arrays, i);
      if (PyArray_Check(array)) rank += PyArray_NDIM((PyArrayObject *)array);
    }
  }
  onnx_tensor *tensors = calloc(count + 1, sizeof *tensors);
  int64_t *sizes = malloc((rank + 1) * sizeof *sizes);
  PyObject *bound =
      tensors && sizes ? bind(session, inputs, outputs, tensors, sizes) : PyErr_NoMemory();
  free(tensors);
  free(sizes);
  return bound;
}

static void bound_dealloc(PyObject *object) {
  Bound *self = (Bound *)object;
  Py_XDECREF(self->outputs);
  Py_XDECREF(self->capsule);
  free_object(object);
}

static PyObject *bound_run(PyObject *object, PyObject *none) {
  Bound *self = (Bound *)object;
  int32_t failed;
  Py_BEGIN_ALLOW_THREADS
  failed = onnx_run_bound(self->binding->bound);
  Py_END_ALLOW_THREADS
  return failed ? raise_last_error() : Py_NewRef(self->outputs);
}

static PyObject *bound_outputs(PyObject *self, void *unused) {
  return Py_NewRef(((Bound *)self)->outputs);
}

static PyMethodDef methods[] = {
    {"run", bound_run, METH_NOARGS,
     "Runs the model on what the input arrays hold now and returns the tuple of output arrays,\n"
     "always the same ones."},
    {NULL},
};

static PyGetSetDef properties[] = {
    {"outputs", bound_outputs, NULL, "The output arrays, which every run writes to.", NULL},
    {NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, bound_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {Py_tp_doc, "A session with fixed input and output arrays. One thread at a time may run it."},
    {0, NULL},
};

static PyType_Spec spec = {
    "swiftonnx._native.BoundSession", sizeof(Bound), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots,
};

int add_bound(PyObject *module) {
  bound_type = add_type(module, &spec);
  return bound_type ? 0 : -1;
}
