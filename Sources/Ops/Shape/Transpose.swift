import ONNXFormat
import ONNXOperators

/// The input with its axes in the order `perm`, by default reversed:
/// `y[i…] = x[j…]` where `j[perm[k]] = i[k]`.
struct Transpose: DifferentiableOperator {
  static let schema = Schema(
    "Transpose",
    [1: .classic, 13: .any13, 21: .any21, 23: .any23, 24: .any24, 25: .any25], inputs: 1...1)
  static var widening: Widening { .exact }
  static var eightBitForm: EightBitForm { .inputScale }
  static func movedInputs(_ node: Node) -> [Int] { [0] }
  let permutation: [Int]?

  init(_ node: inout NodeReader) throws(OperatorError) {
    permutation = try node.optionalInts("perm")
  }

  private func order(rank: Int) throws(OperatorError) -> [Int] {
    // Some exporters write an empty list for the default.
    guard let permutation, !(permutation.isEmpty && rank > 0) else {
      return Array((0..<rank).reversed())
    }
    guard permutation.count == rank else {
      throw .attribute("perm", "expected \(rank) axes, got \(permutation)")
    }
    return try normalized(axes: permutation, rank: rank)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else {
      guard let permutation, !permutation.isEmpty else { return [.tensor(data.elementType, nil)] }
      _ = try order(rank: permutation.count)
      return [.tensor(data.elementType, Shape(rank: permutation.count))]
    }
    return [.tensor(data.elementType, Shape(try order(rank: shape.rank).map { shape[$0] }))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let order = try order(rank: sizes.count)
    let moved = order.filter { sizes[$0] != 1 }
    if moved == moved.sorted() { return .view(of: 0) }
    let strides = rowMajorStrides(sizes)
    let target = order.map { sizes[$0] }
    let copy = StridedCopy(
      try call.elementType(0), target, from: order.map { strides[$0] },
      to: rowMajorStrides(target))
    return CopyTasks([CopyJob(copy)]).kernel
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    var attributes: [Attribute] = []
    if let permutation, !permutation.isEmpty {
      let order = try order(rank: permutation.count)
      attributes = [.ints("perm", order.indices.sorted { order[$0] < order[$1] })]
    }
    backward.set(0, backward.builder.node("Transpose", [gradient], attributes))
  }
}

extension Transpose {
  static func permutation(_ node: Node) -> [Int]? {
    guard case .ints(let order)? = node.attribute("perm")?.value else { return nil }
    let axes = order.map { Int($0) }
    return axes.sorted() == Array(axes.indices) ? axes : nil
  }

  static func isIdentity(_ node: Node, input: ValueType?, output: ValueType?) -> Bool {
    guard case .ints(let order)? = node.attribute("perm")?.value else { return false }
    return order.enumerated().allSatisfy { $0.element == $0.offset }
  }
}

extension Transpose {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { .sameStep }
}
