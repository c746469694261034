import ONNXFormat
import ONNXInterpreter

/// Checks type inference: runs a model with every intermediate value as an output, and compares each
/// with the type inferred from the declared inputs, from their ranks alone, and without any shape.
/// - Parameter check: compares the model's own outputs with the expected ones and describes a
///   difference
/// - Returns: a description of the first value that contradicts its inferred type, or of a difference
///   that `check` found; `nil` where there is none
/// - Throws: the error that keeps the model from running
func inferenceDifference(
  _ model: Model, _ options: SessionOptions, _ inputs: [String: Value],
  _ check: ([String: Value]) -> String?
) throws -> String? {
  var open = model
  let named = Set(model.graph.outputs.map(\.name))
  for name in model.graph.nodes.flatMap(\.outputs) where !name.isEmpty && !named.contains(name) {
    open.graph.outputs.append(ValueInfo(name, nil))
  }
  let session = try Session(open, options: options)
  let outputs = try session.run(values: inputs)
  if let difference = check(outputs) { return difference }

  for keepsRanks in [nil, true, false] {
    var erased = model
    if let keepsRanks { erased.graph.eraseShapes(keepsRanks: keepsRanks) }
    let source = keepsRanks == nil ? session : try Session(erased, options: options)
    let types = try source.types()
    for output in open.graph.outputs {
      guard let type = types[output.name], let value = outputs[output.name] else { continue }
      guard !type.allows(value) else { continue }
      let known = ["inputs", "ranks", "element types"][keepsRanks.map { $0 ? 1 : 2 } ?? 0]
      return "'\(output.name)': inferred \(type) from the \(known), got \(value.type)"
    }
  }
  return nil
}

extension ValueType {
  /// Whether a value conforms to this type, whose parts may be unknown.
  fileprivate func allows(_ value: Value) -> Bool {
    switch (kind, value) {
    case (.undefined, _), (.opaque, _): return true
    case (.tensor(let type), .tensor(let tensor)):
      return type.allows(tensor.elementType, tensor.shape)
    case (.sparseTensor(let type), .sparseTensor(let sparse)):
      return type.allows(sparse.values.tensor.elementType, sparse.shape)
    case (.sequence(let type), .sequence(let sequence)):
      return type.map { sequence.elements.allSatisfy($0.allows) } ?? true
    case (.optional, .optional(nil, _)): return true
    case (.optional(let type), .optional(let value?, _)): return type?.allows(value) ?? true
    case (.optional(let type), _): return type?.allows(value) ?? true
    case (.map(let key, let type), .map(let map)):
      let keyType: ElementType = if case .integers(_, let type) = map.keys { type } else { .string }
      return key == keyType && (type.map { map.values.elements.allSatisfy($0.allows) } ?? true)
    default: return false
    }
  }
}

extension TensorType {
  fileprivate func allows(_ type: ElementType, _ sizes: [Int]) -> Bool {
    guard elementType == type else { return false }
    guard let shape else { return true }
    return shape.rank == sizes.count
      && zip(shape, sizes).allSatisfy { $0.size == nil || $0.size == $1 }
  }
}
