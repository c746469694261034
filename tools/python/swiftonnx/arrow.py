"""Arrow columns to tensors and outputs to Arrow columns, for Ray Data, Dask, Spark and PyArrow.

    session = worker_session("lenet5.onnx", threads=1)
    scored = score(session, table, keep=["id"])

Needs the package pyarrow. The memory of numbers is shared in both directions: a tensor is a view of
the column's buffer, and a column of outputs lies over the memory of the output array.
"""

import hashlib
import math
import os
import threading

import numpy as np
import pyarrow as pa

from swiftonnx.errors import InvalidArgument
from swiftonnx.options import SessionOptions
from swiftonnx.session import InferenceSession, did_you_mean, serialized

_sessions = {}
_lock = threading.Lock()


def worker_session(model, threads):
    """The session of this process for a model, a path or bytes: made at the first call.

    `threads` compute a run: the cores that the engine gives to one task. The key is the hash of the
    bytes, or the path with the file's time and size, so a model that changed is loaded again.
    """
    if isinstance(model, (str, os.PathLike)):
        path = os.path.realpath(model)
        try:
            status = os.stat(path)
            key = path, status.st_mtime_ns, status.st_size, threads
        except OSError:
            key = path, threads  # the session explains what is wrong
        model = path
    else:
        model = serialized(model)
        key = hashlib.sha256(model).digest(), threads
    with _lock:
        if key not in _sessions:
            options = SessionOptions()
            options.intra_op_num_threads = threads
            _sessions[key] = InferenceSession(model, options)
        return _sessions[key]


def score(session, batch, columns=None, keep=(), fixed_size=True):
    """Runs a session on the rows of a RecordBatch or Table, the first axis of inputs and outputs.

    `columns` names the column of an input where the two names differ. The result is of the kind of
    `batch` and has the columns that `keep` names, then one for each output. Rows of outputs are
    fixed-size lists, or lists of a variable size, which Spark needs, if `fixed_size` is false.
    """
    for name in keep:
        _check_column(batch, name)
    feed = tensors(session, batch, columns)
    made = session.run(None, feed)
    names = [arg.name for arg in session.get_outputs()]
    for name in keep:
        if name in names:
            raise InvalidArgument(f"the column {name!r} to keep has the name of an output")
    arrays = [batch.column(name) for name in keep]
    for name, array in zip(names, made, strict=True):
        if not isinstance(array, np.ndarray) or array.shape[:1] != (batch.num_rows,):
            got = list(array.shape) if isinstance(array, np.ndarray) else type(array).__name__
            raise InvalidArgument(
                f"output {name!r}: expected an element for each of {batch.num_rows} rows, got {got}"
            )
        arrays.append(column(array, fixed_size))
    return type(batch).from_arrays(arrays, names=[*keep, *names])


def tensors(session, batch, columns=None):
    """The arrays of a session's inputs, by input name, over the memory of a batch's columns."""
    columns = columns or {}
    known = session.get_inputs() + session.get_overridable_initializers()
    names = [arg.name for arg in known]
    for name in columns:
        if name not in names:
            raise InvalidArgument(f"the model has no input {name!r}{did_you_mean(name, names)}")
    feed = {}
    required = {arg.name for arg in session.get_inputs()}
    for arg in known:
        name = columns.get(arg.name, arg.name)
        if arg.name not in required and arg.name not in columns:
            continue
        _check_column(batch, name, f" for the input {arg.name!r}")
        try:
            feed[arg.name] = _fit(tensor(batch.column(name)), arg)
        except InvalidArgument as error:
            raise InvalidArgument(f"column {name!r}: {error}") from None
    return feed


def tensor(array):
    """An array `[rows, …]` over the memory of an Arrow array; lists of one length become axes.

    Booleans, strings, dictionaries and columns of several chunks are copied. Throws for nulls, and where rows
    differ in length.
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
    rows, shape = len(array), []
    while not _is_flat(array.type):
        if array.null_count:
            raise InvalidArgument(f"row {_first_null(array)} is null")
        if isinstance(array, pa.ExtensionArray):
            order = getattr(array.type, "permutation", None) or []
            if list(order) != sorted(order):
                raise InvalidArgument(f"a permuted tensor, {array.type}, is not supported")
            row_shape = getattr(array.type, "shape", None)
            if row_shape is not None:
                return tensor(array.storage).reshape([rows, *shape, *row_shape])
            array = array.storage
            continue
        length, array = _elements(array, math.prod(shape))
        shape.append(length)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if array.null_count:
        row = _first_null(array) // max(1, math.prod(shape))
        raise InvalidArgument(f"row {row} {'holds' if shape else 'is'} null")
    return _numbers(array).reshape([rows, *shape])


def column(array, fixed_size=True):
    """An Arrow array over the memory of an array: axes after the first become lists."""
    array = np.ascontiguousarray(array)
    flat = array.reshape(-1)
    if array.dtype.kind not in "fiu":
        values = pa.array(flat, pa.string() if array.dtype.kind == "O" else None)
    else:
        type_ = pa.from_numpy_dtype(array.dtype)
        values = pa.Array.from_buffers(type_, flat.size, [None, pa.py_buffer(flat)])
    for axis in range(array.ndim - 1, 0, -1):
        length, count = array.shape[axis], math.prod(array.shape[:axis])
        if fixed_size:
            type_ = pa.list_(values.type, length)
            values = pa.Array.from_buffers(type_, count, [None], children=[values])
        else:
            offsets = pa.array(np.arange(count + 1, dtype=np.int64) * length)
            if count * length < 1 << 31:
                values = pa.ListArray.from_arrays(offsets.cast(pa.int32()), values)
            else:
                values = pa.LargeListArray.from_arrays(offsets, values)
    return values


def _check_column(batch, name, use=""):
    names = batch.schema.names
    if names.count(name) != 1:
        found = f"{names.count(name)} columns" if name in names else "no column"
        hint = "" if name in names else did_you_mean(name, names)
        raise InvalidArgument(f"there is {found} {name!r}{use}{hint}")


def _is_flat(type_):
    types = pa.types
    return not (
        types.is_list(type_)
        or types.is_large_list(type_)
        or types.is_fixed_size_list(type_)
        or isinstance(type_, pa.BaseExtensionType)
    )


def _elements(array, lists):
    """The length of each list of an array without nulls, and the elements of all.

    A row has so many `lists`.
    """
    if pa.types.is_fixed_size_list(array.type):
        length = array.type.list_size
        return length, array.values.slice(array.offset * length, len(array) * length)
    if len(array) == 0:
        return 0, array.values.slice(0, 0)
    offsets = array.offsets.to_numpy()
    lengths = np.diff(offsets)
    if (lengths != lengths[0]).any():
        other = int((lengths != lengths[0]).argmax())
        raise InvalidArgument(
            f"a list in row {other // lists} has {lengths[other]} elements, and the first has "
            f"{lengths[0]}; a tensor needs lists of one length, so pad them"
        )
    return int(lengths[0]), array.values.slice(offsets[0], offsets[-1] - offsets[0])


def _numbers(array):
    types = pa.types
    copied = types.is_boolean, types.is_string, types.is_large_string
    if any(is_copied(array.type) for is_copied in copied):
        return array.to_numpy(zero_copy_only=False)
    if types.is_integer(array.type) or types.is_floating(array.type):
        return array.to_numpy(zero_copy_only=True)
    raise InvalidArgument(f"{array.type} is neither numbers nor strings")


def _first_null(array):
    return array.is_null().index(True).as_py()


# Names of NumPy's dtypes that differ from those in the types of inputs.
_ELEMENTS = {"float32": "float", "float64": "double", "object": "string"}


def _fit(array, arg):
    """The array in the shape of an input, whose axes after the first may be flat in a column."""
    element = _ELEMENTS.get(array.dtype.name, array.dtype.name)
    if arg.type != f"tensor({element})":
        raise InvalidArgument(
            f"the input {arg.name!r} is a {arg.type}, got {element}; cast the column"
        )
    rest = arg.shape[1:]
    sizes = [size for size in rest if isinstance(size, int)]
    if arg.shape and len(array) == 0 and 0 in array.shape[1:]:
        # No row says how long the lists are.
        return array.reshape([0, *(size if isinstance(size, int) else 1 for size in rest)])
    if not arg.shape or (array.ndim == len(arg.shape) and len(sizes) < len(rest)):
        return array
    known, given = math.prod(sizes), math.prod(array.shape[1:])
    if len(sizes) == len(rest) and given == known:
        return array.reshape([len(array), *rest])
    if len(sizes) == len(rest) - 1 and known and given % known == 0:
        shape = [size if isinstance(size, int) else given // known for size in rest]
        return array.reshape([len(array), *shape])
    shape = ",".join("?" if size is None else str(size) for size in arg.shape)
    raise InvalidArgument(
        f"the input {arg.name!r} is [{shape}], so a row needs "
        f"{known if len(sizes) == len(rest) else f'a multiple of {known}'} elements, got {given}"
    )
