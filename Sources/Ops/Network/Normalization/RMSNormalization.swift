import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Divides by the root mean square over the axes from `axis` on:
/// `y = x / √(mean of x² + ε) · scale`. The result has the type of the scale.
struct RMSNormalization: Operator {
  static let schema = Schema("RMSNormalization", [23: [.floats, .bfloat16]], inputs: 2...2)
  static var parameters: [ParameterInput] { [.init(1, .weight)] }
  let rows: RowNormalization

  init(_ node: inout NodeReader) throws(OperatorError) {
    rows = try RowNormalization(&node, isCentered: false)
    try node.checkStashType()
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    let scale = try inputs.tensor(1, [.floats, .bfloat16])
    try rows.check(inputs, 1)
    if let shape = input.shape { _ = try rows.firstAxis(shape.rank) }
    return [.tensor(scale.elementType, input.shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel { try rows.kernel(call) }
}

extension RMSNormalization {
  static var versionSteps: [VersionStep] {
    [
      .introducedRows(23, isCentered: false)
    ]
  }
}

extension RMSNormalization {
  static var rewrites: [RewriteRule] {
    [
      RewriteRule(.normalized(.value("x"), times: .value("scale"))) {
        $0.rows("RMSNormalization", [], version: 23)
      }
    ]
  }
}

extension RMSNormalization {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    let rank = site.sizes().count
    return site.along(try rows.firstAxis(rank)..<rank)
  }
}
