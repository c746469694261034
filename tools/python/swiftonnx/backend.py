"""The standard's backend interface (`onnx.backend.base`).

    import swiftonnx.backend as backend
    outputs = backend.prepare(model).run(inputs)
"""

import numpy as np
import onnx
from onnx import helper
from onnx.backend.base import Backend, BackendRep, Device, DeviceType, namedtupledict

from swiftonnx import values
from swiftonnx.session import Session


class SwiftBackendRep(BackendRep):
    """A model ready to run."""

    def __init__(self, model, threads=0):
        self._session = Session(model.SerializeToString(), threads=threads)
        constants = {tensor.name for tensor in model.graph.initializer}
        constants |= {sparse.values.name for sparse in model.graph.sparse_initializer}
        self._all = list(model.graph.input)
        self._inputs = [info for info in self._all if info.name not in constants]
        self._outputs = [info.name for info in model.graph.output]

    def run(self, inputs, **kwargs):
        """Runs the model on arrays (or lists, dictionaries, None, messages).

        `inputs` is a dictionary by name, or a list in the order of the graph's inputs, with or
        without those that have an initializer. Returns the outputs, by position or name.
        """
        if isinstance(inputs, dict):
            infos = [info for info in self._all if info.name in inputs]
            unknown = inputs.keys() - {info.name for info in infos}
            if unknown:
                raise ValueError(f"the model has no input {sorted(unknown)}")
            given = [inputs[info.name] for info in infos]
        else:
            given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
            infos = self._inputs if len(given) <= len(self._inputs) else self._all
            if len(given) > len(infos):
                raise ValueError(f"expected {len(infos)} inputs, got {len(given)}")
        arguments = []
        for info, value in zip(infos, given, strict=False):
            kind = values.kind_of(info)
            arguments.append((info.name, kind, values.message(value, kind).SerializeToString()))
        outputs = self._session.run(arguments)
        results = [values.value(data, kind) for _, kind, data in outputs]
        return namedtupledict("Outputs", self._outputs)(*results)


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
