import ONNXFormat
import ONNXOperators
import ONNXShape

/// The outputs of `then_branch` if the condition is true, otherwise those of `else_branch`.
struct If: Operator {
  static let schema = Schema(
    "If",
    [
      1: .bool, 11: .bool, 13: .bool, 16: .bool, 19: .bool, 21: .bool, 23: .bool, 24: .bool,
      25: .bool,
    ], inputs: 1...1, outputs: .atLeast(1))

  var takesOneBranch: Bool { true }

  init(_ node: inout NodeReader) throws(OperatorError) {
    _ = try node.graph("then_branch")
    _ = try node.graph("else_branch")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let condition = try inputs.tensor(0, .bool)
    if let sizes = condition.shape?.sizes, sizes.elementCount != 1 {
      throw .input(0, "expected one element, got shape \(sizes)")
    }
    let then = try inputs.subgraph("then_branch")
    let otherwise = try inputs.subgraph("else_branch")
    guard then.outputCount == otherwise.outputCount else {
      throw .subgraph(
        "the branches have \(then.outputCount) and \(otherwise.outputCount) outputs")
    }
    if let branch = branch(for: inputs) { return try inputs.subgraph(branch).infer([]) }
    var types: [ValueType] = []
    for (index, (a, b)) in zip(try then.infer([]), try otherwise.infer([])).enumerated() {
      guard
        let type = join(a, b) ?? (a.kind == .undefined ? a : nil)
          ?? (b.kind == .undefined ? b : nil)
      else {
        throw .output(index, "one branch returns \(a), the other \(b)")
      }
      types.append(type)
    }
    return types
  }

  func branch(for inputs: Inputs) -> String? {
    guard let tensor = inputs.constant(0), tensor.elementType == .bool, tensor.count == 1 else {
      return nil
    }
    return tensor.elements(as: Bool.self)[0] ? "then_branch" : "else_branch"
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let then = try call.inputs.subgraph("then_branch")
    let otherwise = try call.inputs.subgraph("else_branch")
    return .produce { call throws(OperatorError) in
      let condition = try call.condition(0)
      return try (condition ? then : otherwise).run([], call)
    }
  }
}

extension Call {
  /// The element of a bool tensor with a single element.
  func condition(_ index: Int) throws(OperatorError) -> Bool {
    try Self.condition(try value(index), { .input(index, $0) })
  }

  /// - Parameter error: the error to throw for any other value
  static func condition(
    _ value: Value, _ error: (String) -> OperatorError
  ) throws(OperatorError) -> Bool {
    guard case .tensor(let tensor) = value, tensor.elementType == .bool, tensor.count == 1 else {
      throw error("expected one bool, got \(value.type)")
    }
    return tensor.elements(as: Bool.self)[0]
  }
}

extension If {
  static var versionSteps: [VersionStep] { VersionStep.kinds(sequences: 13, optionals: 16) }
}
