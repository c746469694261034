import ONNX
import ONNXOperators
import Testing

/// A run without limits.
public final class UnlimitedRun: RunContext {
  /// A run.
  public init() {}
  /// Takes any amount.
  public func reserve(bytes: Int) throws(OperatorError) {}
  /// Takes any number.
  public func countTrip() throws(OperatorError) {}
  /// 0.
  public func nextSeed() -> UInt64 { 0 }
}

/// Runs a node on tensors and checks the laws that hold for all operators: the inferred types are
/// those of the results, the inputs do not change, another number of threads or a second run gives
/// the same bits, and inference without the contents or sizes of the inputs is consistent.
/// - Returns: the outputs; `nil` for omitted ones.
@discardableResult
public func checkOperator(
  _ node: Node, _ inputs: [Tensor?], opset: Int = 24,
  sourceLocation: SourceLocation = #_sourceLocation
) throws -> [Tensor?] {
  let values = inputs.map { $0.map(Value.tensor) }
  let results = try checkOperator(
    node, values: values, opset: opset, sourceLocation: sourceLocation)
  return results.map { $0?.tensor }
}

/// Runs a node on values of any kind and checks the same laws.
@discardableResult
public func checkOperator(
  _ node: Node, values inputs: [Value?], opset: Int = 24,
  sourceLocation: SourceLocation = #_sourceLocation
) throws -> [Value?] {
  let made = try Registry.standard.make(node, operatorSet: opset).operator
  let before = try inputs.map { try $0?.tensor?.copied() }
  let wanted = node.outputs.map { !$0.isEmpty }
  func run(threads: Int) throws -> [Value?] {
    try made.evaluate(
      Call(inputs: inputs, pool: ThreadPool(threads: threads), context: UnlimitedRun()),
      wanted: wanted)
  }
  let results = try run(threads: 1)

  for (old, input) in zip(before, inputs) {
    #expect(old == input?.tensor, "an input changed", sourceLocation: sourceLocation)
  }
  if made.isPure {
    for (first, second) in zip(results, try run(threads: 2)) {
      #expect(
        first?.tensor == second?.tensor, "two runs differ", sourceLocation: sourceLocation)
    }
  }

  let types = inputs.map { $0?.type }
  let erased = types.map { type in
    type?.tensorType.map { ValueType.tensor($0.elementType, Shape(rank: $0.shape?.rank ?? 0)) }
      ?? type
  }
  let rankless = types.map { type in
    type?.tensorType.map { ValueType.tensor($0.elementType, nil) } ?? type
  }
  let inferences = [
    try made.infer(Inputs(types: types, constants: inputs)),
    try made.infer(Inputs(types: types)),
    try made.infer(Inputs(types: erased)),
    try made.infer(Inputs(types: rankless)),
  ]
  for inferred in inferences {
    for (index, result) in results.enumerated() {
      guard let result else { continue }
      #expect(
        agrees(inferred[index], result.type),
        "output \(index): inferred \(inferred[index]), made \(result.type)",
        sourceLocation: sourceLocation)
    }
  }
  return results
}

/// Whether the inferred type is compatible with the type of the result.
public func agrees(_ inferred: ValueType, _ actual: ValueType) -> Bool {
  switch (inferred.kind, actual.kind) {
  case (.tensor(let a), .tensor(let b)):
    guard a.elementType == b.elementType else { return false }
    guard let shape = a.shape, let sizes = b.shape else { return true }
    return shape.rank == sizes.rank
      && zip(shape, sizes).allSatisfy { $0.size == nil || $0.size == $1.size }
  case (.sequence(let a?), .sequence(let b?)), (.optional(let a?), .optional(let b?)):
    return agrees(a, b)
  case (.sequence, .sequence), (.optional, .optional), (.map, .map), (.opaque, .opaque),
    (.sparseTensor, .sparseTensor):
    return true
  default: return false
  }
}
