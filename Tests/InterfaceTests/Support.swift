import COnnxInterface
import Glibc
import ONNX
import Testing

func floats(_ values: [Float]) -> Tensor { Tensor(shape: [values.count], values) }

func tensor(_ values: [Float]) throws -> [UInt8] { try Value.tensor(floats(values)).serialized() }

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

var lastError: String { String(cString: onnx_last_error()) }

func load(_ model: Model) throws -> OpaquePointer {
  let bytes = try model.serialized()
  return try #require(onnx_load(bytes, bytes.count, nil, 2), "\(lastError)")
}

struct RunResult {
  var status: Int32
  var error: String
  var values: [(name: String, kind: Int, data: [UInt8])]
}

func run(_ session: OpaquePointer, _ inputs: [(name: String, kind: Int, data: [UInt8])])
  -> RunResult
{
  let values = inputs.map { input in
    let data = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: input.data.count)
    _ = data.initialize(from: input.data)
    return onnx_value(
      name: strdup(input.name), kind: Int32(input.kind), data: data.baseAddress,
      size: data.count)
  }
  var outputs: UnsafeMutablePointer<onnx_value>?
  var count = 0
  let status = onnx_run(session, values, values.count, &outputs, &count)
  for value in values {
    free(UnsafeMutablePointer(mutating: value.name))
    value.data?.deallocate()
  }
  defer { onnx_free_values(outputs) }
  return RunResult(
    status: status, error: lastError,
    values: UnsafeBufferPointer(start: outputs, count: count).map { value in
      (
        value.name.map { String(cString: $0) } ?? "", Int(value.kind),
        Array(UnsafeRawBufferPointer(start: value.data, count: value.size))
      )
    })
}

/// The address of a session, to pass to another thread.
struct Address: @unchecked Sendable {
  let pointer: OpaquePointer
  init(_ pointer: OpaquePointer) { self.pointer = pointer }
}
