import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Normalizes over the axes from `axis` on: `y = (x − mean) / √(variance + ε) · scale + bias`.
/// Outputs 1 and 2 are the mean and the inverse standard deviation of each row.
struct LayerNormalization: Operator {
  static let schema = Schema(
    "LayerNormalization", [17: [.floats, .bfloat16]], inputs: 2...3, outputs: 1...3)
  static var parameters: [ParameterInput] { [.init(1, .weight), .init(2, .bias)] }
  let rows: RowNormalization
  let statistics: ElementType

  init(_ node: inout NodeReader) throws(OperatorError) {
    rows = try RowNormalization(&node, isCentered: true)
    statistics = try node.checkStashType()
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    for index in 1...2 where inputs.has(index) {
      _ = try inputs.tensor(index, sameTypeAs: 0)
      try rows.check(inputs, index)
    }
    guard let shape = input.shape else {
      return [.tensor(input), .tensor(statistics, nil), .tensor(statistics, nil)]
    }
    let first = try rows.firstAxis(shape.rank)
    var reduced = shape
    for axis in first..<shape.rank { reduced[axis] = 1 }
    return [.tensor(input), .tensor(statistics, reduced), .tensor(statistics, reduced)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try rows.kernel(call, mean: call.wants(1) ? 1 : nil, inverse: call.wants(2) ? 2 : nil)
  }
}

extension LayerNormalization {
  static var versionSteps: [VersionStep] {
    [
      .introducedRows(17, isCentered: true)
    ]
  }
}

extension LayerNormalization {
  static var rewrites: [RewriteRule] {
    let x = RewritePattern.value("x")
    let scaled = RewritePattern.normalized(
      .difference(x, .mean(x, axes: "axes")), times: .value("scale"))
    return [
      RewriteRule(.sum(scaled, .value("bias"))) {
        $0.rows("LayerNormalization", ["bias"], version: 17)
      },
      RewriteRule(scaled) { $0.rows("LayerNormalization", [], version: 17) },
    ]
  }
}

extension LayerNormalization {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    let rank = site.sizes().count
    return site.along(try rows.firstAxis(rank)..<rank)
  }
}
