import ONNX
import ONNXOperators

extension Model {
  /// The model with its float32 values in a 16-bit floating-point type, wherever operators accept it,
  /// in subgraphs too. Other nodes, and the inputs and outputs of graphs, keep float32, with casts
  /// around them. So does what becomes a size, an index, a position or a threshold, and arithmetic on
  /// numbers that were integers: 2049 has no float16.
  ///
  /// - Parameters:
  ///   - type: `.float16` or `.bfloat16`
  ///   - kept: names or operators of nodes that keep float32
  ///   - samples: inputs of runs, by name. Nodes with an input or output that exceeds the range of
  ///     float16 in these runs keep float32.
  ///   - operators: operators that this package lacks, as in `SessionOptions.operators`
  /// - Returns: the model, and the names of the nodes that keep float32
  /// - Throws: `ModelError` where the model is invalid or does not run on the samples
  public func narrowed(
    to type: ElementType, keeping kept: NamePatterns = NamePatterns([]),
    samples: [[String: Value]] = [], operators: [any Operator.Type] = []
  ) throws(ModelError) -> (model: Model, kept: [String]) {
    var base = try withOwnInitializers().withoutFunctions()
    // Arithmetic takes bfloat16 since operator set 13, convolutions and recurrent layers since 22.
    let version = base.operatorSets.version(of: "") ?? 1
    if type == .bfloat16, version < 22 {
      do { base = try base.converted(toOperatorSet: 22, operators: operators) } catch {
        base = try base.converted(toOperatorSet: max(version, 13), operators: operators)
      }
    }
    // Casts need the standard's own domain.
    if version == 1, base.operatorSets.version(of: "") == nil {
      base.operatorSets.append(OperatorSetImport(version: 13))
    }
    base.graph.makeInnerNamesUnique()
    var narrowing = Narrowing(base, from: .float32, to: type, kept: kept, operators)
    if type == .float16, !samples.isEmpty {
      let floats = base.valueTypes(operators).filter {
        $0.value.tensorType?.elementType == .float32
      }
      let largest = Float(Float16.greatestFiniteMagnitude)
      narrowing.large = Set(
        try base.ranges(of: floats.keys.sorted(), samples, operators).filter {
          max(-$0.value.lowerBound, $0.value.upperBound) > largest
        }.keys)
    }
    narrowing.convert(&base)
    base.graph.removeUnusedInside()
    base.removeUnused()
    base.graph.makeNodeNamesUnique(keeping: graph)
    try base.check(operators)
    return (base, narrowing.left)
  }
}

extension ElementType {
  /// The name of a floating-point type in operator set 1.
  var inCapitals: String { self == .float32 ? "FLOAT" : description.uppercased() }
}

extension Attribute {
  var tensorValue: Tensor? { if case .tensor(let named) = value { named.tensor } else { nil } }
}

extension Tensor {
  var fitsFloat16: Bool {
    guard elementType == .float32 else { return true }
    let largest = Float(Float16.greatestFiniteMagnitude)
    return elements(as: Float.self).allSatisfy { !$0.isFinite || abs($0) <= largest }
  }

  /// The tensor in a 16-bit type; `nil` for types other than float32, and when memory runs out.
  func narrowed(to type: ElementType) -> Tensor? {
    guard elementType == .float32 else { return nil }
    let source = elements(as: Float.self)
    if type == .float16 {
      return try? Tensor(Float16.self, shape: shape) { target in
        for (index, number) in source.enumerated() { target[index] = Float16(number) }
      }
    }
    return try? Tensor(BFloat16.self, shape: shape) { target in
      for (index, number) in source.enumerated() { target[index] = BFloat16(number) }
    }
  }
}
