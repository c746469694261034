"""Small models, and a check of errors."""

from onnx import TensorProto, helper


def model(nodes, inputs, outputs, initializers=(), opset=25, ml=5, **fields):
    """A serialised model. `inputs` and `outputs` are (name, element type, shape) or (name, type)."""

    def info(value):
        if len(value) == 3:
            return helper.make_tensor_value_info(*value)
        return helper.make_value_info(*value)

    graph = helper.make_graph(
        nodes, "test", [info(i) for i in inputs], [info(o) for o in outputs], initializers
    )
    sets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ml)]
    proto = helper.make_model(graph, opset_imports=sets, ir_version=11, **fields)
    return proto.SerializeToString()


def identity(type_=TensorProto.FLOAT, shape=("N",)):
    """A model whose output is its input."""
    node = helper.make_node("Identity", ["x"], ["y"])
    if isinstance(type_, int):
        return model([node], [("x", type_, shape)], [("y", type_, shape)])
    return model([node], [("x", type_)], [("y", type_)])


def error(kind, call, *parts):
    """Checks that `call` raises `kind` with a text that contains all `parts`."""
    try:
        call()
    except kind as raised:
        for part in parts:
            assert part in str(raised), f"{part!r} is not in {str(raised)!r}"
        return
    raise AssertionError(f"expected {kind.__name__}")
