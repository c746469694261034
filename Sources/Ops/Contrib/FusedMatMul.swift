import ONNXFormat
import ONNXOperators
import ONNXProducts

/// `alpha · op(A) · op(B)`, a matrix product of which each factor may be transposed.
///
/// `transBatchA` moves the first axis of A behind the batch axes, where `transA` then swaps it with
/// the last axis. The flags leave vectors as they are.
struct FusedMatMul: ScaledProductOperator {
  static let schema = Schema(
    "FusedMatMul", domain: ContribOperators.domain, [1: [.floats, .bfloat16]], inputs: 2...2)
  let product: ScaledProduct

  init(_ node: inout NodeReader) throws(OperatorError) {
    product = try ScaledProduct(
      transposeA: node.flag("transA"), transposeB: node.flag("transB"),
      movesFirstAxisA: node.flag("transBatchA"), movesFirstAxisB: node.flag("transBatchB"),
      alpha: node.float("alpha", default: 1))
  }
}

/// `alpha · op(A) · op(B)`: the older name of `FusedMatMul`, without `transBatchA` and `transBatchB`.
struct TransposeMatMul: ScaledProductOperator {
  static let schema = Schema(
    "TransposeMatMul", domain: ContribOperators.domain, [1: [.floats, .bfloat16]], inputs: 2...2)
  let product: ScaledProduct

  init(_ node: inout NodeReader) throws(OperatorError) {
    product = try ScaledProduct(
      transposeA: node.flag("transA"), transposeB: node.flag("transB"),
      alpha: node.float("alpha", default: 1))
  }
}

/// An operator that is a scaled product of matrices.
protocol ScaledProductOperator: DifferentiableOperator {
  var product: ScaledProduct { get }
}

extension ScaledProductOperator {
  static var parameters: [ParameterInput] { [.init(0, .weight), .init(1, .weight)] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    let b = try inputs.tensor(1, sameTypeAs: 0)
    return [.tensor(type, try product.shape(try inputs.tensor(0).shape, b.shape))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel { try product.kernel(call) }

  /// `∂A = alpha · ∂Y · op(B)ᵀ` and `∂B = alpha · op(A)ᵀ · ∂Y`, taken back through the moved axes.
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard var g = backward.gradient() else { return }
    let ranks = [try backward.rank(0), try backward.rank(1)]
    var factors: [String] = []
    for index in 0...1 {
      var factor = backward.input(index)
      if ranks[index] == 1 {
        factor = unsqueezed(factor, index, &backward)
      } else if let permutation = product.permutation(index, rank: ranks[index]) {
        factor = backward.builder.transpose(factor, permutation)
      }
      factors.append(factor)
    }
    if ranks[0] == 1 { g = unsqueezed(g, ranks[1] == 1 ? 0 : -2, &backward) }
    if ranks[1] == 1 { g = unsqueezed(g, -1, &backward) }
    if product.alpha != 1 {
      g = backward.builder.mul(g, try backward.scalar(Double(product.alpha)))
    }
    for (index, x, y, flag) in [(0, g, factors[1], "transB"), (1, factors[0], g, "transA")]
    where backward.wants(index) {
      let result = backward.builder.privateNode("TransposedMatMul", [x, y], [.int(flag, 1)])
      var sum = backward.builder.privateNode("SumTo", [result, factors[index]])
      if ranks[index] == 1 {
        sum = backward.builder.node("Squeeze", [sum, backward.builder.integers([index])])
      } else if let permutation = product.permutation(index, rank: ranks[index]) {
        let inverse = permutation.indices.map { permutation.firstIndex(of: $0) ?? $0 }
        sum = backward.builder.transpose(sum, inverse)
      }
      backward.set(index, sum)
    }
  }

  private func unsqueezed(_ x: String, _ axis: Int, _ backward: inout Backward) -> String {
    backward.builder.node("Unsqueeze", [x, backward.builder.integers([axis])])
  }
}
