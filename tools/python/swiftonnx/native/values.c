// Python objects to values and back.
#include "native.h"

#include <stdlib.h>
#include <string.h>

void free_values(onnx_value **values, Py_ssize_t count) {
  for (Py_ssize_t i = 0; i < count; i++) {
    onnx_free_value(values[i]);
    values[i] = NULL;
  }
}

// The library calls this on any thread, with or without the interpreter's lock.
static void release_reference(void *object) {
  if (!Py_IsInitialized()) return;
  PyGILState_STATE state = PyGILState_Ensure();
  Py_DECREF((PyObject *)object);
  PyGILState_Release(state);
}

// A tensor of the strings in an array of objects.
static onnx_value *value_from_strings(PyArrayObject *array) {
  Py_ssize_t count = PyArray_SIZE(array);
  PyObject **elements = PyArray_DATA(array);
  size_t *offsets = malloc((count + 1) * sizeof *offsets);
  char *bytes = NULL;
  size_t size = 0, room = 0;
  onnx_value *value = NULL;
  if (!offsets) goto no_memory;
  for (Py_ssize_t i = 0; i < count; i++) {
    Py_ssize_t length;
    const char *text;
    char *start;
    if (elements[i] && PyUnicode_Check(elements[i])) {
      text = PyUnicode_AsUTF8AndSize(elements[i], &length);
      if (!text) goto done;
    } else if (elements[i] && PyBytes_Check(elements[i])) {
      if (PyBytes_AsStringAndSize(elements[i], &start, &length) < 0) goto done;
      text = start;
    } else {
      PyErr_Format(
          PyExc_TypeError, "an array of objects holds strings in ONNX; element %zd is %R", i,
          elements[i] ? elements[i] : Py_None);
      goto done;
    }
    offsets[i] = size;
    if (size + length > room) {
      room = 2 * (size + length);
      char *larger = realloc(bytes, room);
      if (!larger) goto no_memory;
      bytes = larger;
    }
    if (length) memcpy(bytes + size, text, length);
    size += length;
  }
  offsets[count] = size;
  value = onnx_make_strings(
      (const int64_t *)PyArray_DIMS(array), PyArray_NDIM(array), bytes, offsets);
  if (!value) raise_last_error();
  goto done;
no_memory:
  PyErr_NoMemory();
done:
  free(bytes);
  free(offsets);
  return value;
}

onnx_value *value_from_array(PyArrayObject *array) {
  int type = element_type_of(PyArray_DESCR(array));
  if (!type) return NULL;
  PyArrayObject *kept;
  if (type != 8 && PyArray_ISCARRAY_RO(array)) {
    kept = (PyArrayObject *)Py_NewRef((PyObject *)array);
  } else {
    PyArray_Descr *descr = type == 8 ? PyArray_DescrFromType(NPY_OBJECT) : NULL;
    kept = (PyArrayObject *)PyArray_CheckFromAny(
        (PyObject *)array, descr, 0, 0,
        NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED | NPY_ARRAY_NOTSWAPPED | NPY_ARRAY_FORCECAST,
        NULL);
    if (!kept) return NULL;
  }
  if (type == 8) {
    onnx_value *value = value_from_strings(kept);
    Py_DECREF(kept);
    return value;
  }
  onnx_tensor tensor = {
      type, PyArray_NDIM(kept), (const int64_t *)PyArray_DIMS(kept), PyArray_DATA(kept)};
  // The library drops the reference, also if it fails.
  onnx_value *value = onnx_make_tensor(&tensor, release_reference, kept);
  if (!value) raise_last_error();
  return value;
}

static onnx_value *value_from_list(PyObject *list, PyObject *keys) {
  Py_ssize_t count = PyList_Size(list);
  onnx_value *value = NULL, *key_value = NULL;
  onnx_value **elements = calloc(count ? count : 1, sizeof *elements);
  if (!elements) {
    PyErr_NoMemory();
    return NULL;
  }
  for (Py_ssize_t i = 0; i < count; i++) {
    PyObject *element = PyList_GetItem(list, i);
    if (!element) goto done;
    Py_INCREF(element);
    elements[i] = value_from_object(element);
    Py_DECREF(element);
    if (!elements[i]) goto done;
  }
  if (keys) {
    PyObject *array = PyArray_FromAny(keys, NULL, 1, 1, 0, NULL);
    if (!array) goto done;
    key_value = value_from_array((PyArrayObject *)array);
    Py_DECREF(array);
    if (!key_value) goto done;
    value = onnx_make_map(key_value, (const onnx_value *const *)elements, count);
  } else {
    value = onnx_make_sequence((const onnx_value *const *)elements, count);
  }
  if (!value) raise_last_error();
done:
  onnx_free_value(key_value);
  free_values(elements, count);
  free(elements);
  return value;
}

static onnx_value *value_from_dict(PyObject *dict) {
  PyObject *keys = PyDict_Keys(dict), *values = PyDict_Values(dict);
  onnx_value *value = keys && values ? value_from_list(values, keys) : NULL;
  Py_XDECREF(keys);
  Py_XDECREF(values);
  return value;
}

static onnx_value *optional_of(PyObject *object) {
  onnx_value *content = NULL;
  if (object && !(content = value_from_object(object))) return NULL;
  onnx_value *value = onnx_make_optional(content);
  onnx_free_value(content);
  if (!value) raise_last_error();
  return value;
}

onnx_value *value_from_object(PyObject *object) {
  if (PyArray_Check(object)) return value_from_array((PyArrayObject *)object);
  onnx_value *value = NULL;
  if (Py_EnterRecursiveCall(" in a value for a model")) return NULL;
  if (PyList_Check(object)) {
    value = value_from_list(object, NULL);
  } else if (PyDict_Check(object)) {
    value = value_from_dict(object);
  } else if (object == Py_None) {
    value = optional_of(NULL);
  } else if (PyTuple_Check(object) && PyTuple_Size(object) == 1) {
    value = optional_of(PyTuple_GetItem(object, 0));
  } else if (PyBytes_Check(object)) {
    value = onnx_parse(PyBytes_AsString(object), PyBytes_Size(object), ONNX_SPARSE_TENSOR);
    if (!value) raise_last_error();
  } else if (PyObject_HasAttrString(object, "__dlpack__")) {
    value = value_from_dlpack(object);
  } else {
    PyErr_Format(PyExc_TypeError, "%R is not a value for a model", (PyObject *)Py_TYPE(object));
  }
  Py_LeaveRecursiveCall();
  return value;
}

static const char capsule_name[] = "swiftonnx.value";

static void free_capsule(PyObject *capsule) {
  onnx_free_value(PyCapsule_GetPointer(capsule, capsule_name));
}

// An array of strings.
static PyObject *object_from_strings(onnx_value *value) {
  onnx_tensor shape;
  const char *bytes;
  const size_t *offsets;
  if (onnx_get_strings(value, &shape, &bytes, &offsets)) return raise_last_error();
  PyObject *array = PyArray_EMPTY(shape.rank, (const npy_intp *)shape.shape, NPY_OBJECT, 0);
  if (!array) return NULL;
  PyObject **elements = PyArray_DATA((PyArrayObject *)array);
  Py_ssize_t count = PyArray_SIZE((PyArrayObject *)array);
  for (Py_ssize_t i = 0; i < count; i++) {
    PyObject *text = PyUnicode_FromStringAndSize(bytes + offsets[i], offsets[i + 1] - offsets[i]);
    if (!text) {
      Py_DECREF(array);
      return NULL;
    }
    PyObject *old = elements[i];
    elements[i] = text;
    Py_XDECREF(old);
  }
  return array;
}

// An array over the memory of a tensor, which the array's base frees.
static PyObject *object_from_tensor(onnx_value *value) {
  onnx_tensor tensor;
  if (onnx_get_tensor(value, &tensor)) {
    onnx_free_value(value);
    return raise_last_error();
  }
  if (tensor.element_type == 8) {
    PyObject *array = object_from_strings(value);
    onnx_free_value(value);
    return array;
  }
  PyArray_Descr *descr = descr_of(tensor.element_type);
  PyObject *base = descr ? PyCapsule_New(value, capsule_name, free_capsule) : NULL;
  if (!base) {
    Py_XDECREF((PyObject *)descr);
    onnx_free_value(value);
    return NULL;
  }
  PyObject *array = PyArray_NewFromDescr(
      &PyArray_Type, descr, tensor.rank, (npy_intp *)tensor.shape, NULL, tensor.data,
      NPY_ARRAY_CARRAY, NULL);
  if (!array) {
    Py_DECREF(base);
    return NULL;
  }
  if (PyArray_SetBaseObject((PyArrayObject *)array, base) < 0) Py_CLEAR(array);
  return array;
}

static PyObject *element_at(onnx_value *value, size_t index) {
  onnx_value *element = onnx_element(value, index);
  return element ? object_from_value(element) : raise_last_error();
}

static PyObject *list_from(onnx_value *value) {
  size_t count = onnx_count(value);
  PyObject *list = PyList_New(count);
  for (size_t i = 0; list && i < count; i++) {
    PyObject *element = element_at(value, i);
    if (!element || PyList_SetItem(list, i, element) < 0) Py_CLEAR(list);
  }
  return list;
}

// A dict, in which tensors of rank 0 are numbers.
static PyObject *dict_from(onnx_value *value) {
  onnx_value *key_value = onnx_keys(value);
  if (!key_value) return raise_last_error();
  PyObject *array = object_from_value(key_value);
  PyObject *keys = array ? PyObject_CallMethod(array, "tolist", NULL) : NULL;
  Py_XDECREF(array);
  PyObject *dict = keys ? PyDict_New() : NULL;
  for (Py_ssize_t i = 0; dict && i < PyList_Size(keys); i++) {
    PyObject *element = element_at(value, i);
    if (element && PyArray_Check(element) && PyArray_NDIM((PyArrayObject *)element) == 0) {
      PyObject *number = PyObject_CallMethod(element, "item", NULL);
      Py_DECREF(element);
      element = number;
    }
    if (!element || PyDict_SetItem(dict, PyList_GetItem(keys, i), element) < 0) Py_CLEAR(dict);
    Py_XDECREF(element);
  }
  Py_XDECREF(keys);
  return dict;
}

PyObject *object_from_value(onnx_value *value) {
  int kind = onnx_kind(value);
  if (kind == ONNX_TENSOR) return object_from_tensor(value);
  PyObject *object = NULL;
  if (Py_EnterRecursiveCall(" in a value of a model")) {
    onnx_free_value(value);
    return NULL;
  }
  if (kind == ONNX_SEQUENCE) {
    object = list_from(value);
  } else if (kind == ONNX_MAP) {
    object = dict_from(value);
  } else if (kind == ONNX_OPTIONAL) {
    object = onnx_count(value) ? element_at(value, 0) : Py_NewRef(Py_None);
  } else {
    size_t size;
    void *bytes = onnx_serialize(value, &size);
    object = bytes ? PyBytes_FromStringAndSize(bytes, size) : raise_last_error();
    free(bytes);
  }
  Py_LeaveRecursiveCall();
  onnx_free_value(value);
  return object;
}
