"""The standard's backend interface (`onnx.backend.base`).

    import swiftonnx.backend as backend
    outputs = backend.prepare(model).run(inputs)
"""

import numpy as np
import onnx
from google.protobuf.message import Message
from onnx import helper, numpy_helper
from onnx.backend.base import Backend, BackendRep, Device, DeviceType, namedtupledict

from swiftonnx.options import SessionOptions
from swiftonnx.session import InferenceSession


class SwiftBackendRep(BackendRep):
    """A model ready to run."""

    def __init__(self, model, threads=0):
        options = SessionOptions()
        options.intra_op_num_threads = threads
        self._session = InferenceSession(model, options)
        self._inputs = [arg.name for arg in self._session.get_inputs()]
        optional = {arg.name for arg in self._session.get_overridable_initializers()}
        self._all = [
            info.name for info in model.graph.input if info.name in {*self._inputs, *optional}
        ]
        self._outputs = [arg.name for arg in self._session.get_outputs()]
        self._sparse = [info.type.HasField("sparse_tensor_type") for info in model.graph.output]

    def run(self, inputs, **kwargs):
        """Runs the model on arrays (or lists, dictionaries, None, messages).

        `inputs` is a dictionary by name, or a list in the order of the graph's inputs, with or
        without those that have an initializer. Returns the outputs, by position or name.
        """
        if not isinstance(inputs, dict):
            given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
            names = self._inputs if len(given) <= len(self._inputs) else self._all
            if len(given) > len(names):
                raise ValueError(f"expected {len(names)} inputs, got {len(given)}")
            inputs = dict(zip(names, given, strict=False))
        outputs = self._session.run(None, {name: plain(value) for name, value in inputs.items()})
        for index, is_sparse in enumerate(self._sparse):
            if is_sparse:
                outputs[index] = onnx.SparseTensorProto.FromString(outputs[index])
        return namedtupledict("Outputs", self._outputs)(*outputs)


def plain(value):
    """The arrays, lists and dictionaries in a message of the standard; other values as they are."""
    if not isinstance(value, Message):
        return value
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, onnx.SequenceProto):
        return numpy_helper.to_list(value)
    if isinstance(value, onnx.MapProto):
        return numpy_helper.to_dict(value)
    if isinstance(value, onnx.OptionalProto):
        return numpy_helper.to_optional(value)
    return value.SerializeToString()


class SwiftBackend(Backend):
    """Prepares and runs models on the CPU."""

    @classmethod
    def is_compatible(cls, model, device="CPU", **kwargs):
        return cls.supports_device(device)

    @classmethod
    def supports_device(cls, device):
        return Device(device).type == DeviceType.CPU

    @classmethod
    def prepare(cls, model, device="CPU", threads=0, **kwargs):
        """Checks a `ModelProto` and prepares it to run on `threads` threads (0: one per CPU)."""
        if not cls.supports_device(device):
            raise ValueError(f"unknown device {device}")
        return SwiftBackendRep(model, threads=threads)

    @classmethod
    def run_model(cls, model, inputs, device="CPU", **kwargs):
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(cls, node, inputs, device="CPU", outputs_info=None, opset_version=None, **kwargs):
        """Runs one node on arrays, with the semantics of `opset_version` (default: the newest)."""
        domain = node.domain
        version = opset_version or onnx.defs.onnx_opset_version()
        if domain not in ("", "ai.onnx") and opset_version is None:
            version = max(
                schema.since_version
                for schema in onnx.defs.get_all_schemas()
                if schema.domain == domain
            )
        names = [name for name in node.input if name]
        given = dict(zip(names, map(np.asarray, inputs), strict=True))
        infos = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
            )
            for name, value in given.items()
        ]
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        for info, known in zip(outputs, outputs_info or [], strict=False):
            dtype, shape = known
            element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
            info.type.CopyFrom(helper.make_tensor_type_proto(element, shape))
        model = helper.make_model(
            helper.make_graph([node], "node", infos, outputs),
            opset_imports=[helper.make_opsetid(domain, version)],
        )
        return cls.prepare(model, device, **kwargs).run(given)


is_compatible = SwiftBackend.is_compatible
supports_device = SwiftBackend.supports_device
prepare = SwiftBackend.prepare
run_model = SwiftBackend.run_model
run_node = SwiftBackend.run_node
