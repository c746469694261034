import ONNXFormat
import ONNXOperators

/// Products of the elements of all terms, summed over the labels that are not in the result.
///
/// Terms are contracted from left to right, each step one product of matrices.
struct Einsum: Operator {
  static let schema = Schema(
    "Einsum", [12: [.floats, .integers], 28: [.floats, .bfloat16, .integers]],
    inputs: .atLeast(1))
  let equation: EinsumEquation

  init(_ node: inout NodeReader) throws(OperatorError) {
    equation = try EinsumEquation(try node.string("equation"))
    guard equation.termCount == node.inputCount else {
      throw .attribute(
        "equation", "expected \(node.inputCount) terms, one per input, got \(equation.termCount)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    var shapes: [Shape] = []
    var isComplete = true
    for index in 0..<inputs.count {
      guard let shape = try inputs.tensor(index, sameTypeAs: 0).shape else {
        isComplete = false
        continue
      }
      shapes.append(shape)
    }
    guard isComplete else { return [.tensor(type, nil)] }
    let (terms, sizes) = try labels(shapes)
    let output = equation.outputLabels(terms)
    return [.tensor(type, Shape(output.map { sizes[$0] ?? .unknown }))]
  }

  /// The labels of the terms, and their sizes if known.
  private func labels(
    _ shapes: [Shape]
  ) throws(OperatorError) -> ([[EinsumEquation.Label]], [EinsumEquation.Label: Dimension]) {
    var terms: [[EinsumEquation.Label]] = []
    var sizes: [EinsumEquation.Label: Dimension] = [:]
    for (index, shape) in shapes.enumerated() {
      let labels = try equation.labels(index, rank: shape.rank)
      terms.append(labels)
      for (label, size) in zip(labels, shape) {
        switch (sizes[label]?.size, size.size) {
        case (let m?, let n?) where m != n && m != 1 && n != 1:
          throw .input(
            index, "shape \(shape) has size \(n) for a label of size \(m) in another term")
        case (let m?, _) where m != 1: break
        case (1?, nil): sizes[label] = .unknown
        case (nil, nil): sizes[label] = sizes[label] == nil ? size : .unknown
        case (nil, 1?) where sizes[label] != nil: break
        default: sizes[label] = size
        }
      }
    }
    return (terms, sizes)
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: return try kernel(call, Float.self)
    case .float64: return try kernel(call, Double.self)
    case .float16, .bfloat16: return try call.widened(prepare)
    // Products and sums modulo 2ⁿ do not depend on the sign.
    case .int8, .uint8: return try kernel(call, UInt8.self)
    case .int16, .uint16: return try kernel(call, UInt16.self)
    case .int32, .uint32: return try kernel(call, UInt32.self)
    case .int64, .uint64: return try kernel(call, UInt64.self)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func kernel<T: ProductElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    var shapes: [[Int]] = []
    for index in 0..<call.inputs.count { shapes.append(try call.inputSizes(index)) }
    let (terms, dimensions) = try labels(shapes.map { Shape($0) })
    let sizes = dimensions.compactMapValues(\.size)
    let output = equation.outputLabels(terms)
    // By convention the first axis of the result counts samples.
    var plan = EinsumPlan<T>(sizes: sizes, sample: call.isBatchInvariant ? output.first : nil)
    var current = EinsumTerm(.input(0), terms[0], shapes[0])
    for index in 1..<max(terms.count, 1) {
      let needed = Set(output).union(terms[(index + 1)...].joined())
      current = try plan.contract(
        current, EinsumTerm(.input(index), terms[index], shapes[index]), keeping: needed)
    }
    return try plan.kernel(current, output)
  }
}
