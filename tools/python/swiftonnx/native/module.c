// The module itself: errors and dtypes.
#define NATIVE_MODULE
#include "native.h"

#include <string.h>

// The exception classes by kind of error, and the function that registers dtypes of other packages.
static PyObject *error_classes, *load_dtypes;
// Element types of dtypes that are not NumPy's own, by dtype, and the reverse.
static PyObject *other_types;
static PyArray_Descr *descrs[32];

PyObject *raise_last_error(void) {
  PyObject *class = NULL;
  if (error_classes) class = PyTuple_GetItem(error_classes, onnx_last_error_kind());
  if (!class) {
    PyErr_Clear();
    class = PyExc_RuntimeError;
  }
  PyErr_SetString(class, onnx_last_error());
  return NULL;
}

static int call_load_dtypes(void) {
  if (!load_dtypes) return 0;
  PyObject *result = PyObject_CallNoArgs(load_dtypes);
  Py_XDECREF(result);
  return result ? 0 : -1;
}

int element_type_of(PyArray_Descr *descr) {
  switch (descr->type_num) {
    case NPY_FLOAT: return 1;
    case NPY_UBYTE: return 2;
    case NPY_BYTE: return 3;
    case NPY_USHORT: return 4;
    case NPY_SHORT: return 5;
    case NPY_INT: return 6;
    case NPY_LONG: case NPY_LONGLONG: return 7;
    case NPY_STRING: case NPY_UNICODE: case NPY_OBJECT: case NPY_VSTRING: return 8;
    case NPY_BOOL: return 9;
    case NPY_HALF: return 10;
    case NPY_DOUBLE: return 11;
    case NPY_UINT: return 12;
    case NPY_ULONG: case NPY_ULONGLONG: return 13;
    case NPY_CFLOAT: return 14;
    case NPY_CDOUBLE: return 15;
  }
  for (int attempt = 0; attempt < 2; attempt++) {
    PyObject *number = PyDict_GetItemWithError(other_types, (PyObject *)descr);
    if (number) return (int)PyLong_AsLong(number);
    if (PyErr_Occurred() || (attempt == 0 && call_load_dtypes() < 0)) return 0;
  }
  PyErr_Format(
      PyExc_TypeError, "arrays of dtype %S have no element type in ONNX; convert with astype",
      (PyObject *)descr);
  return 0;
}

PyArray_Descr *descr_of(int element_type) {
  for (int attempt = 0; attempt < 2; attempt++) {
    if (element_type > 0 && element_type < 32 && descrs[element_type]) {
      return (PyArray_Descr *)Py_NewRef((PyObject *)descrs[element_type]);
    }
    if (attempt == 0 && call_load_dtypes() < 0) return NULL;
  }
  PyErr_Format(
      PyExc_ImportError,
      "an output has element type %d of TensorProto.DataType, which NumPy lacks: "
      "pip install ml_dtypes", element_type);
  return NULL;
}

static PyObject *set_hooks(PyObject *module, PyObject *args) {
  PyObject *classes, *function;
  if (!PyArg_ParseTuple(args, "O!O", &PyTuple_Type, &classes, &function)) return NULL;
  Py_XDECREF(error_classes);
  Py_XDECREF(load_dtypes);
  error_classes = Py_NewRef(classes);
  load_dtypes = Py_NewRef(function);
  Py_RETURN_NONE;
}

static PyObject *register_dtype(PyObject *module, PyObject *args) {
  PyObject *descr;
  int number;
  if (!PyArg_ParseTuple(args, "O!i", &PyArrayDescr_Type, &descr, &number)) return NULL;
  if (number < 1 || number > 31) {
    PyErr_Format(PyExc_ValueError, "%d is not an element type", number);
    return NULL;
  }
  PyObject *object = PyLong_FromLong(number);
  if (!object) return NULL;
  int failed = PyDict_SetItem(other_types, descr, object);
  Py_DECREF(object);
  if (failed) return NULL;
  if (!descrs[number]) descrs[number] = (PyArray_Descr *)Py_NewRef(descr);
  Py_RETURN_NONE;
}

static void fill_descrs(void) {
  static const struct { int element, number; } pairs[] = {
      {1, NPY_FLOAT}, {2, NPY_UINT8}, {3, NPY_INT8}, {4, NPY_UINT16}, {5, NPY_INT16},
      {6, NPY_INT32}, {7, NPY_INT64}, {9, NPY_BOOL}, {10, NPY_HALF}, {11, NPY_DOUBLE},
      {12, NPY_UINT32}, {13, NPY_UINT64}, {14, NPY_CFLOAT}, {15, NPY_CDOUBLE},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    descrs[pairs[i].element] = PyArray_DescrFromType(pairs[i].number);
  }
}

PyTypeObject *add_type(PyObject *module, PyType_Spec *spec) {
  PyObject *type = PyType_FromSpec(spec);
  if (!type) return NULL;
  const char *name = strrchr(spec->name, '.') + 1;
  if (PyModule_AddObjectRef(module, name, type) < 0) Py_CLEAR(type);
  return (PyTypeObject *)type;
}

void free_object(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
  release(self);
  Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"set_hooks", set_hooks, METH_VARARGS,
     "set_hooks(classes, load_dtypes): exception classes by kind of error, and a function that\n"
     "registers dtypes when one is unknown."},
    {"register_dtype", register_dtype, METH_VARARGS, "register_dtype(dtype, element_type)"},
    {NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "swiftonnx._native", "The C functions of onnxc.h.", -1, methods,
};

PyMODINIT_FUNC PyInit__native(void) {
  import_array();
  fill_descrs();
  other_types = PyDict_New();
  PyObject *module = PyModule_Create(&definition);
  if (!module || !other_types || add_session(module) < 0 || add_bound(module) < 0 ||
      add_trainer(module) < 0) {
    Py_XDECREF(module);
    return NULL;
  }
  return module;
}
