import ONNXFormat
import ONNXOperators
import ONNXShape

/// Runs `body` for a number of iterations or until its condition is false. It maps iteration number,
/// condition and carried values to condition, carried values and scan outputs, which are stacked.
struct Loop: LoopingOperator {
  static let schema = Schema(
    "Loop",
    [
      1: .int64, 11: .int64, 13: .int64, 16: .int64, 19: .int64, 21: .int64, 23: .int64,
      24: .int64, 25: .int64,
    ], inputs: .atLeast(0), outputs: .atLeast(1))

  init(_ node: inout NodeReader) throws(OperatorError) { _ = try node.graph("body") }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    if inputs.has(0) { _ = try inputs.tensor(0, .int64) }
    if inputs.has(1) { _ = try inputs.tensor(1, .bool) }
    var types: [ValueType?] = [.tensor(.int64, [] as Shape), .tensor(.bool, [] as Shape)]
    for index in 2..<max(inputs.count, 2) { types.append(try inputs.type(index)) }
    let carried = 2..<types.count
    let body = try inputs.subgraph("body")
    try check(body, carried: carried.count)
    let outputs = try body.inferRepeated(types, carried: carried, firstOutput: 1)
    // Without a condition, all iterations run.
    let trips = inputs.has(1) || !inputs.has(0) ? nil : try inputs.integers(0)?.first
    var result = Array(outputs[1..<(carried.count + 1)])
    for type in outputs[(carried.count + 1)...] {
      result.append(try type.stacked(Dimension(trips.map { max($0, 0) })))
    }
    return result
  }

  private func check(_ body: any SubgraphRunner, carried: Int) throws(OperatorError) {
    guard body.inputCount == carried + 2, body.outputCount >= carried + 1 else {
      throw .subgraph(
        "the body has \(body.inputCount) inputs and \(body.outputCount) outputs, "
          + "expected \(carried + 2) and at least \(carried + 1)")
    }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let body = try call.inputs.subgraph("body")
    let carried = max(call.inputs.count - 2, 0)
    let types = try infer(call.inputs)
    return .produce { call throws(OperatorError) in
      try run(body, carried, scanTypes: types[carried...].map(\.tensorType), call)
    }
  }

  private func run(
    _ body: any SubgraphRunner, _ count: Int, scanTypes: [TensorType?], _ call: borrowing Call
  ) throws(OperatorError) -> [Value?] {
    let trips = call.has(0) ? try tripCount(try call.tensor(0)) : Int.max
    // With a number of iterations but no condition, the standard ignores the condition of the body.
    let heedsBody = call.has(1) || !call.has(0)
    var condition = call.has(1) ? try call.condition(1) : true
    var carried: [Value] = []
    for index in 0..<count { carried.append(try call.value(index + 2)) }
    var scanned = Array(repeating: [Tensor](), count: scanTypes.count)
    var trip = 0
    var inputs: [Value] = []
    while condition, trip < trips {
      try call.context.countTrip()
      inputs.removeAll(keepingCapacity: true)
      inputs.append(.tensor(try call.scalar(.int64, Int64(trip))))
      inputs.append(.tensor(try call.scalar(.bool, condition)))
      inputs += carried
      carried.removeAll(keepingCapacity: true)
      let outputs = try body.run(inputs, call)
      guard outputs.count == 1 + count + scanned.count else {
        throw .subgraph("the body returned \(outputs.count) outputs")
      }
      if heedsBody {
        condition = try Call.condition(outputs[0]) { .subgraph("the body's condition: \($0)") }
      }
      for index in 1..<(count + 1) { carried.append(outputs[index]) }
      for index in scanned.indices {
        guard let tensor = outputs[1 + count + index].tensor else {
          throw .subgraph("scan output \(index) of the body is not a tensor")
        }
        scanned[index].append(tensor)
      }
      trip += 1
    }
    var results: [Value?] = carried
    for (index, tensors) in scanned.enumerated() {
      let type = scanTypes[index]
      let stacked = try stack(
        tensors, axis: 0, type?.elementType ?? .float32,
        sizes: type?.shape?.dropFirst().map { $0.size ?? 0 } ?? [], call)
      results.append(.tensor(stacked))
    }
    return results
  }

  private func tripCount(_ tensor: Tensor) throws(OperatorError) -> Int {
    guard tensor.count == 1, let count = tensor.integers?.first else {
      throw .input(0, "expected one int64, got \(tensor.type)")
    }
    return count
  }
}

extension Call {
  /// A tensor of rank 0. `T` must be the type of the elements.
  @inline(__always)
  fileprivate func scalar<T>(_ type: ElementType, _ value: T) throws(OperatorError) -> Tensor {
    let tensor = try allocate(type, [])
    tensor.storage.pointer.initializeMemory(as: T.self, to: value)
    return tensor
  }
}

extension Loop {
  static var versionSteps: [VersionStep] { VersionStep.kinds(sequences: 13, optionals: 16) }
}
