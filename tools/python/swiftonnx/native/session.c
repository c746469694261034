// Sessions.
#include "native.h"

#include <stdlib.h>
#include <string.h>

enum { STACK = 16 };

onnx_session *loaded(Session *self) {
  if (self->session && self->inputs) return self->session;
  PyErr_SetString(PyExc_RuntimeError, "the session has no model");
  return NULL;
}

static void session_dealloc(PyObject *object) {
  Session *self = (Session *)object;
  onnx_free(self->session);
  Py_XDECREF(self->inputs);
  Py_XDECREF(self->outputs);
  free(self->is_tensor);
  free_object(object);
}

// The positions of names, and for inputs whether they are tensors; from tuples of (name, is_tensor).
static int set_names(Session *self, PyObject *inputs, PyObject *outputs) {
  self->input_count = PyTuple_Size(inputs);
  self->output_count = PyTuple_Size(outputs);
  self->is_tensor = calloc(self->input_count + 1, 1);
  if (!self->is_tensor) {
    PyErr_NoMemory();
    return -1;
  }
  if (!(self->outputs = PyDict_New()) || !(self->inputs = PyDict_New())) return -1;
  for (int k = 0; k < 2; k++) {
    PyObject *names = k ? outputs : inputs, *positions = k ? self->outputs : self->inputs;
    for (Py_ssize_t i = 0; i < PyTuple_Size(names); i++) {
      PyObject *name;
      int is_tensor;
      if (!PyArg_ParseTuple(PyTuple_GetItem(names, i), "Up", &name, &is_tensor)) return -1;
      if (!k) self->is_tensor[i] = (char)is_tensor;
      PyObject *position = PyLong_FromSsize_t(i);
      int failed = !position || PyDict_SetItem(positions, name, position);
      Py_XDECREF(position);
      if (failed) return -1;
    }
  }
  return 0;
}

static PyObject *session_set_names(PyObject *object, PyObject *args) {
  Session *self = (Session *)object;
  PyObject *inputs, *outputs;
  if (!PyArg_ParseTuple(args, "O!O!", &PyTuple_Type, &inputs, &PyTuple_Type, &outputs)) return NULL;
  if (!self->session || self->inputs) {
    PyErr_SetString(PyExc_RuntimeError, "the session has no model, or has its names");
    return NULL;
  }
  if (set_names(self, inputs, outputs) < 0) return NULL;
  Py_RETURN_NONE;
}

// Takes over a session that was made, and returns its description.
static PyObject *adopt(Session *self, onnx_session *session) {
  if (!session) return raise_last_error();
  if (self->session) {
    onnx_free(session);
    PyErr_SetString(PyExc_RuntimeError, "the session has a model already");
    return NULL;
  }
  self->session = session;
  return PyUnicode_FromString(onnx_describe(session));
}

static PyObject *session_load(PyObject *object, PyObject *args) {
  Py_buffer model;
  const char *folder, *options;
  if (!PyArg_ParseTuple(args, "y*zs", &model, &folder, &options)) return NULL;
  onnx_session *session;
  Py_BEGIN_ALLOW_THREADS
  session = onnx_load(model.buf, model.len, folder, options);
  Py_END_ALLOW_THREADS
  PyBuffer_Release(&model);
  return adopt((Session *)object, session);
}

static PyObject *session_load_file(PyObject *object, PyObject *args) {
  PyObject *path;
  const char *options;
  if (!PyArg_ParseTuple(args, "O&s", PyUnicode_FSConverter, &path, &options)) return NULL;
  onnx_session *session;
  const char *text = PyBytes_AsString(path);
  Py_BEGIN_ALLOW_THREADS
  session = onnx_load_file(text, options);
  Py_END_ALLOW_THREADS
  Py_DECREF(path);
  return adopt((Session *)object, session);
}

static PyObject *session_load_trained(PyObject *object, PyObject *args) {
  Trainer *trainer;
  if (!PyArg_ParseTuple(args, "O!", trainer_type, &trainer)) return NULL;
  if (trainer->is_busy) {
    PyErr_SetString(PyExc_RuntimeError, "another thread is using the trainer");
    return NULL;
  }
  trainer->is_busy = 1;
  onnx_session *session;
  Py_BEGIN_ALLOW_THREADS
  session = onnx_trained_session(trainer->trainer);
  Py_END_ALLOW_THREADS
  trainer->is_busy = 0;
  return adopt((Session *)object, session);
}

// The position of a name; -1 and an exception.
static Py_ssize_t position(
    Session *self, PyObject *positions, PyObject *name,
    int32_t (*find)(const onnx_session *, const char *)) {
  PyObject *found = PyUnicode_Check(name) ? PyDict_GetItemWithError(positions, name) : NULL;
  if (found) return PyLong_AsSsize_t(found);
  if (PyErr_Occurred()) return -1;
  if (!PyUnicode_Check(name)) {
    PyErr_Format(PyExc_TypeError, "expected a name, got %R", name);
    return -1;
  }
  PyObject *bytes = PyUnicode_AsUTF8String(name);
  if (!bytes) return -1;
  find(self->session, PyBytes_AsString(bytes));
  Py_DECREF(bytes);
  raise_last_error();
  return -1;
}

// Makes a value of each input; -1 and an exception.
static int make_inputs(PyObject *object, PyObject *feed, onnx_value **inputs) {
  Session *self = (Session *)object;
  if (!PyDict_Check(feed)) {
    PyErr_Format(
        PyExc_TypeError, "expected a dict of arrays by input name, got %R",
        (PyObject *)Py_TYPE(feed));
    return -1;
  }
  PyObject *name, *given;
  Py_ssize_t next = 0;
  while (PyDict_Next(feed, &next, &name, &given)) {
    Py_ssize_t index = position(self, self->inputs, name, onnx_input);
    if (index < 0) return -1;
    onnx_value *value;
    Py_INCREF(given);
    if (self->is_tensor[index] && PyArray_Check(given)) {
      value = value_from_array((PyArrayObject *)given);
    } else {
      PyObject *converted = PyObject_CallMethod(object, "_convert", "nO", index, given);
      value = converted ? value_from_object(converted) : NULL;
      Py_XDECREF(converted);
    }
    Py_DECREF(given);
    if (!value) return -1;
    onnx_free_value(inputs[index]);
    inputs[index] = value;
  }
  return 0;
}

// A list of the outputs that are wanted, which it takes out of `outputs`.
static PyObject *result_list(
    Session *self, PyObject *names, const Py_ssize_t *wanted, Py_ssize_t count,
    onnx_value **outputs) {
  PyObject *list = PyList_New(count);
  for (Py_ssize_t i = 0; list && i < count; i++) {
    Py_ssize_t index = names ? wanted[i] : i;
    PyObject *object;
    if (outputs[index]) {
      object = object_from_value(outputs[index]);
      outputs[index] = NULL;
    } else {
      // The name is wanted twice.
      Py_ssize_t first = 0;
      while (wanted[first] != index) first++;
      object = Py_NewRef(PyList_GetItem(list, first));
    }
    if (!object || PyList_SetItem(list, i, object) < 0) Py_CLEAR(list);
  }
  return list;
}

// The positions of the outputs that are wanted; NULL and an exception.
static Py_ssize_t *wanted_positions(Session *self, PyObject *names, Py_ssize_t count) {
  Py_ssize_t *wanted = malloc((count + 1) * sizeof *wanted);
  if (!wanted) {
    PyErr_NoMemory();
    return NULL;
  }
  for (Py_ssize_t i = 0; i < count; i++) {
    PyObject *name = PySequence_GetItem(names, i);
    wanted[i] = name ? position(self, self->outputs, name, onnx_output) : -1;
    Py_XDECREF(name);
    if (wanted[i] < 0) {
      free(wanted);
      return NULL;
    }
  }
  return wanted;
}

static PyObject *run(PyObject *object, PyObject *names, PyObject *feed) {
  Session *self = (Session *)object;
  if (!loaded(self)) return NULL;
  Py_ssize_t count = self->output_count;
  Py_ssize_t *wanted = NULL;
  if (names && names != Py_None) {
    if (!PyList_Check(names) && !PyTuple_Check(names)) {
      PyErr_Format(PyExc_TypeError, "expected a list of output names or None, got %R", names);
      return NULL;
    }
    count = PySequence_Size(names);
    if (count == 0) count = self->output_count, names = NULL;
    else if (!(wanted = wanted_positions(self, names, count))) return NULL;
  } else {
    names = NULL;
  }
  Py_ssize_t total = self->input_count + self->output_count;
  onnx_value *few[STACK] = {NULL};
  onnx_value **values = total <= STACK ? few : calloc(total, sizeof *values);
  PyObject *result = NULL;
  if (!values) {
    free(wanted);
    return PyErr_NoMemory();
  }
  onnx_value **outputs = values + self->input_count;
  if (make_inputs(object, feed, values) == 0) {
    int32_t failed;
    Py_BEGIN_ALLOW_THREADS
    failed = onnx_run(
        self->session, (const onnx_value *const *)values, self->input_count, outputs,
        self->output_count);
    Py_END_ALLOW_THREADS
    result = failed ? raise_last_error() : result_list(self, names, wanted, count, outputs);
  }
  free_values(values, total);
  if (values != few) free(values);
  free(wanted);
  return result;
}

static PyObject *session_run(
    PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) {
  static const char *const names[] = {"output_names", "input_feed", "run_options"};
  PyObject *given[3] = {NULL, NULL, NULL};
  if (count > 3) {
    PyErr_Format(PyExc_TypeError, "run takes at most 3 arguments, got %zd", count);
    return NULL;
  }
  for (Py_ssize_t i = 0; i < count; i++) given[i] = args[i];
  Py_ssize_t named = keywords ? PyTuple_Size(keywords) : 0;
  for (Py_ssize_t i = 0; i < named; i++) {
    PyObject *name = PyTuple_GetItem(keywords, i);
    int place = 0;
    while (place < 3 && PyUnicode_CompareWithASCIIString(name, names[place])) place++;
    if (place == 3 || given[place]) {
      PyErr_Format(PyExc_TypeError, "run has no argument %R, or it is given twice", name);
      return NULL;
    }
    given[place] = args[count + i];
  }
  if (!given[1]) {
    PyErr_SetString(PyExc_TypeError, "run needs input_feed, a dict of arrays by input name");
    return NULL;
  }
  return run(self, given[0], given[1]);
}

static PyMethodDef methods[] = {
    {"_load", session_load, METH_VARARGS, "_load(model, folder, options) -> description"},
    {"_load_file", session_load_file, METH_VARARGS, "_load_file(path, options) -> description"},
    {"_load_trained", session_load_trained, METH_VARARGS, "_load_trained(trainer) -> description"},
    {"_set_names", session_set_names, METH_VARARGS, "_set_names(inputs, outputs)"},
    {"_bind", session_bind, METH_VARARGS, "_bind(inputs, outputs) -> Bound"},
    {"run", (PyCFunction)(void (*)(void))session_run, METH_FASTCALL | METH_KEYWORDS,
     "run(output_names, input_feed, run_options=None)\n\n"
     "Runs the model. `output_names` is a list, or None for all outputs; `input_feed` a dict of\n"
     "arrays by input name. Returns the list of outputs."},
    {NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, session_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "A model ready to run. Several threads may run it at once."},
    {0, NULL},
};

static PyType_Spec spec = {
    "swiftonnx._native.Session", sizeof(Session), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots,
};

int add_session(PyObject *module) { return add_type(module, &spec) ? 0 : -1; }
