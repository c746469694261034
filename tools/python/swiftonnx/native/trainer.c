// Trainers.
#include "native.h"

#include <stdlib.h>

PyTypeObject *trainer_type;

// Marks the trainer as in use; -1 and an exception if it has no model or another thread uses it.
static int begin(Trainer *self) {
  if (self->trainer && !self->is_busy) return self->is_busy = 1, 0;
  PyErr_SetString(
      PyExc_RuntimeError,
      self->trainer ? "another thread is using the trainer" : "the trainer has no model");
  return -1;
}

static void trainer_dealloc(PyObject *object) {
  onnx_free_trainer(((Trainer *)object)->trainer);
  free_object(object);
}

static PyObject *trainer_load(PyObject *object, PyObject *args) {
  Trainer *self = (Trainer *)object;
  Py_buffer model;
  const char *folder, *options;
  if (!PyArg_ParseTuple(args, "y*zs", &model, &folder, &options)) return NULL;
  onnx_trainer *trainer;
  Py_BEGIN_ALLOW_THREADS
  trainer = onnx_make_trainer(model.buf, model.len, folder, options);
  Py_END_ALLOW_THREADS
  PyBuffer_Release(&model);
  if (!trainer) return raise_last_error();
  if (self->trainer) {
    onnx_free_trainer(trainer);
    PyErr_SetString(PyExc_RuntimeError, "the trainer has a model already");
    return NULL;
  }
  self->trainer = trainer;
  return PyUnicode_FromString(onnx_describe_trainer(trainer));
}

// Calls the library on a batch; with a negative rate it evaluates.
static PyObject *use_batch(Trainer *self, PyObject *batch, double rate, int trains) {
  PyObject *keys = PyDict_Keys(batch), *objects = PyDict_Values(batch), *result = NULL;
  Py_ssize_t count = keys ? PyList_Size(keys) : 0;
  const char **names = calloc(count + 1, sizeof *names);
  onnx_value **values = calloc(count + 1, sizeof *values);
  if (!keys || !objects || !names || !values) goto done;
  for (Py_ssize_t i = 0; i < count; i++) {
    names[i] = PyUnicode_AsUTF8AndSize(PyList_GetItem(keys, i), NULL);
    values[i] = names[i] ? value_from_object(PyList_GetItem(objects, i)) : NULL;
    if (!values[i]) goto done;
  }
  if (begin(self) < 0) goto done;
  onnx_step step;
  int32_t failed;
  Py_BEGIN_ALLOW_THREADS
  const onnx_value *const *given = (const onnx_value *const *)values;
  failed = trains ? onnx_train(self->trainer, names, given, count, rate, &step)
                  : onnx_evaluate(self->trainer, names, given, count, &step);
  Py_END_ALLOW_THREADS
  self->is_busy = 0;
  result = failed ? raise_last_error()
                  : Py_BuildValue("(ddd)", step.loss, step.accuracy, step.gradient_norm);
done:
  if (values) free_values(values, count);
  free(values);
  free(names);
  Py_XDECREF(keys);
  Py_XDECREF(objects);
  return result;
}

static PyObject *trainer_train(PyObject *self, PyObject *args) {
  PyObject *batch;
  double rate;
  if (!PyArg_ParseTuple(args, "O!d", &PyDict_Type, &batch, &rate)) return NULL;
  return use_batch((Trainer *)self, batch, rate, 1);
}

static PyObject *trainer_evaluate(PyObject *self, PyObject *args) {
  PyObject *batch;
  if (!PyArg_ParseTuple(args, "O!", &PyDict_Type, &batch)) return NULL;
  return use_batch((Trainer *)self, batch, 0, 0);
}

static PyObject *trainer_model(PyObject *object, PyObject *none) {
  Trainer *self = (Trainer *)object;
  if (begin(self) < 0) return NULL;
  size_t size;
  void *bytes;
  Py_BEGIN_ALLOW_THREADS
  bytes = onnx_trained_model(self->trainer, &size);
  Py_END_ALLOW_THREADS
  self->is_busy = 0;
  PyObject *result = bytes ? PyBytes_FromStringAndSize(bytes, size) : raise_last_error();
  free(bytes);
  return result;
}

static PyObject *use_checkpoint(PyObject *object, PyObject *args, int saves) {
  Trainer *self = (Trainer *)object;
  PyObject *path;
  if (!PyArg_ParseTuple(args, "O&", PyUnicode_FSConverter, &path)) return NULL;
  int32_t failed = -1;
  if (begin(self) == 0) {
    const char *text = PyBytes_AsString(path);
    Py_BEGIN_ALLOW_THREADS
    failed = saves ? onnx_save_checkpoint(self->trainer, text)
                   : onnx_load_checkpoint(self->trainer, text);
    Py_END_ALLOW_THREADS
    self->is_busy = 0;
    if (failed) raise_last_error();
  }
  Py_DECREF(path);
  return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *trainer_save(PyObject *self, PyObject *args) {
  return use_checkpoint(self, args, 1);
}

static PyObject *trainer_restore(PyObject *self, PyObject *args) {
  return use_checkpoint(self, args, 0);
}

static PyMethodDef methods[] = {
    {"_load", trainer_load, METH_VARARGS, "_load(model, folder, options) -> description"},
    {"_train", trainer_train, METH_VARARGS, "_train(batch, rate) -> (loss, accuracy, norm)"},
    {"_evaluate", trainer_evaluate, METH_VARARGS, "_evaluate(batch) -> (loss, accuracy, norm)"},
    {"_model", trainer_model, METH_NOARGS, "_model() -> bytes"},
    {"save_checkpoint", trainer_save, METH_VARARGS,
     "save_checkpoint(path)\n\nWrites parameters, the optimiser's state and the number of batches."},
    {"load_checkpoint", trainer_restore, METH_VARARGS,
     "load_checkpoint(path)\n\nContinues from a checkpoint of the same model and options."},
    {NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, trainer_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "A model in training."},
    {0, NULL},
};

static PyType_Spec spec = {
    "swiftonnx._native.Trainer", sizeof(Trainer), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots,
};

int add_trainer(PyObject *module) {
  trainer_type = add_type(module, &spec);
  return trainer_type ? 0 : -1;
}
