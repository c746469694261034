import COnnxInterface
import Glibc
import ONNX
import ONNXC
import Testing

func floats(_ values: [Float]) -> Tensor { Tensor(shape: [values.count], values) }

func model(_ nodes: [Node], input: ValueType, outputs: [String]) -> Model {
  Model(
    graph: Graph(
      name: "test", nodes: nodes, inputs: [ValueInfo("x", input)],
      outputs: outputs.map { ValueInfo($0, nil) }),
    operatorSets: [OperatorSetImport(version: 20)])
}

let twoOutputs = model(
  [
    Node("Relu", inputs: ["x"], outputs: ["y"]), Node("Neg", inputs: ["x"], outputs: ["z"]),
  ], input: .tensor(.float32, [2]), outputs: ["y", "z"])

func identity(_ type: ValueType) -> Model {
  model([Node("Identity", inputs: ["x"], outputs: ["y"])], input: type, outputs: ["y"])
}

var lastError: String { String(cString: onnx_last_error()) }

func load(_ model: Model) throws -> OpaquePointer {
  let bytes = try model.serialized()
  return try #require(onnx_load(bytes, bytes.count, nil, "threads=2"), "\(lastError)")
}

/// A shape for C, of a few bytes that no test frees.
func sizes(_ sizes: Int64...) -> UnsafePointer<Int64> {
  let copy = UnsafeMutablePointer<Int64>.allocate(capacity: sizes.count)
  for (index, size) in sizes.enumerated() { copy[index] = size }
  return UnsafePointer(copy)
}

/// A value with a message of its own.
func value(_ value: Value, _ kind: Int = ONNX_TENSOR) throws -> OpaquePointer {
  let bytes = try value.serialized()
  return try #require(onnx_parse(bytes, bytes.count, Int32(kind)), "\(lastError)")
}

/// The value behind a pointer, through its message.
func contents(_ pointer: OpaquePointer?, _ kind: Value.FileKind = .tensor) throws -> Value {
  var size = 0
  let block = try #require(onnx_serialize(pointer, &size), "\(lastError)")
  defer { free(block) }
  return try Value(
    serialized: Array(UnsafeRawBufferPointer(start: block, count: size)), as: kind)
}

struct RunResult {
  var status: Int32
  var error: String
  var tensors: [Tensor?]
}

/// Runs on values that it frees.
func run(_ session: OpaquePointer, _ inputs: [OpaquePointer?], outputs count: Int) -> RunResult {
  var outputs = [OpaquePointer?](repeating: nil, count: count)
  let status = onnx_run(session, inputs, inputs.count, &outputs, count)
  let error = lastError
  let tensors = outputs.map { $0 == nil ? nil : try? contents($0).tensor }
  for value in inputs + outputs { onnx_free_value(value) }
  return RunResult(status: status, error: error, tensors: tensors)
}

/// The address of a session, to pass to another thread.
struct Address: @unchecked Sendable {
  let pointer: OpaquePointer
  init(_ pointer: OpaquePointer) { self.pointer = pointer }
}
