"""Converts NumPy and Python values to messages of the standard and back."""

import numpy as np
import onnx
from google.protobuf.message import Message
from onnx import numpy_helper

TENSOR, SPARSE_TENSOR, SEQUENCE, MAP, OPTIONAL = range(1, 6)

MESSAGES = {
    TENSOR: onnx.TensorProto,
    SPARSE_TENSOR: onnx.SparseTensorProto,
    SEQUENCE: onnx.SequenceProto,
    MAP: onnx.MapProto,
    OPTIONAL: onnx.OptionalProto,
}

KINDS = {
    "tensor_type": TENSOR,
    "sparse_tensor_type": SPARSE_TENSOR,
    "sequence_type": SEQUENCE,
    "map_type": MAP,
    "optional_type": OPTIONAL,
}


def kind_of(info):
    """The kind of message for values of the type that `ValueInfoProto` declares."""
    return KINDS.get(info.type.WhichOneof("value"), TENSOR)


def message(value, kind):
    """Converts an array, list, dictionary or None (an empty optional) to such a message."""
    if isinstance(value, Message):
        return value
    if kind == SEQUENCE:
        return numpy_helper.from_list(list(value))
    if kind == MAP:
        return numpy_helper.from_dict(value)
    if kind == OPTIONAL:
        return numpy_helper.from_optional(value)
    return numpy_helper.from_array(np.asarray(value))


def value(data, kind):
    """The value in a serialised message. A sparse tensor stays a message."""
    return _value(MESSAGES[kind].FromString(data))


def _value(proto):
    if isinstance(proto, onnx.TensorProto):
        return numpy_helper.to_array(proto)
    if isinstance(proto, onnx.SequenceProto):
        elements = [
            proto.tensor_values,
            proto.sparse_tensor_values,
            proto.sequence_values,
            proto.map_values,
            proto.optional_values,
        ]
        return [_value(element) for group in elements for element in group]
    if isinstance(proto, onnx.MapProto):
        keys = proto.string_keys if proto.key_type == onnx.TensorProto.STRING else proto.keys
        return dict(zip(keys, _value(proto.values), strict=True))
    if isinstance(proto, onnx.OptionalProto):
        fields = [field for field, _ in proto.ListFields() if field.message_type is not None]
        return _value(getattr(proto, fields[0].name)) if fields else None
    return proto
