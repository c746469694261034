// Tensors of other libraries, such as PyTorch's, over the DLPack protocol.
#include "native.h"

typedef struct {
  void *data;
  int32_t device_type, device_id;
  int32_t ndim;
  uint8_t code, bits;
  uint16_t lanes;
  int64_t *shape, *strides;
  uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
  DLTensor tensor;
  void *context;
  void (*deleter)(struct DLManagedTensor *);
} DLManagedTensor;

static int element_type(const DLTensor *tensor) {
  static const struct { uint8_t code, bits; int element; } types[] = {
      {0, 8, 3},  {0, 16, 5},  {0, 32, 6},  {0, 64, 7},  {1, 8, 2},    {1, 16, 4},   {1, 32, 12},
      {1, 64, 13}, {2, 16, 10}, {2, 32, 1}, {2, 64, 11}, {4, 16, 16},  {5, 64, 14},  {5, 128, 15},
      {6, 8, 9},  {10, 8, 17}, {11, 8, 18}, {12, 8, 19}, {13, 8, 20},  {14, 8, 24},
  };
  if (tensor->lanes != 1) return 0;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (types[i].code == tensor->code && types[i].bits == tensor->bits) return types[i].element;
  }
  return 0;
}

static int is_contiguous(const DLTensor *tensor) {
  if (!tensor->strides) return 1;
  int64_t expected = 1;
  for (int axis = tensor->ndim - 1; axis >= 0; axis--) {
    if (tensor->shape[axis] == 0) return 1;
    if (tensor->shape[axis] != 1 && tensor->strides[axis] != expected) return 0;
    expected *= tensor->shape[axis];
  }
  return 1;
}

static void release_tensor(void *context) {
  DLManagedTensor *managed = context;
  if (managed->deleter && Py_IsInitialized()) managed->deleter(managed);
}

// A copy in row-major order, through NumPy.
static onnx_value *value_of_copy(PyObject *object) {
  PyObject *numpy = PyImport_ImportModule("numpy");
  PyObject *array = numpy ? PyObject_CallMethod(numpy, "from_dlpack", "O", object) : NULL;
  Py_XDECREF(numpy);
  if (!array) return NULL;
  onnx_value *value = value_from_array((PyArrayObject *)array);
  Py_DECREF(array);
  return value;
}

onnx_value *value_from_dlpack(PyObject *object) {
  PyObject *capsule = PyObject_CallMethod(object, "__dlpack__", NULL);
  if (!capsule) return NULL;
  DLManagedTensor *managed = PyCapsule_GetPointer(capsule, "dltensor");
  onnx_value *value = NULL;
  if (!managed) goto done;
  DLTensor *given = &managed->tensor;
  // 1 and 3 are memory that the CPU reads.
  if (given->device_type != 1 && given->device_type != 3) {
    PyErr_Format(
        PyExc_ValueError, "a tensor is on a device of DLPack's type %d; move it to the CPU first",
        given->device_type);
    goto done;
  }
  if (!is_contiguous(given)) {
    value = value_of_copy(object);
    goto done;
  }
  onnx_tensor tensor = {
      element_type(given), given->ndim, given->shape, (char *)given->data + given->byte_offset};
  if (!tensor.element_type) {
    PyErr_Format(
        PyExc_TypeError, "a tensor has DLPack's element type %d of %d bits, which ONNX lacks",
        given->code, given->bits);
    goto done;
  }
  if (PyCapsule_SetName(capsule, "used_dltensor") < 0) goto done;
  value = onnx_make_tensor(&tensor, release_tensor, managed);
  if (!value) raise_last_error();
done:
  Py_DECREF(capsule);
  return value;
}
