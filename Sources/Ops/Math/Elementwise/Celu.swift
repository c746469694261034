import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = max(0, x) + min(0, alpha · (e^(x / alpha) − 1))` (Barron 2017)
struct Celu: DifferentiableElementwise {
  static let schema = Schema("Celu", [12: .float32, 28: [.floats, .bfloat16]], inputs: 1...1)
  let alpha: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 1)
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T {
    x > 0 ? x : T(alpha) * .expMinusOne(x / T(alpha))
  }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    x > 0 ? 1 : .exp(x / T(alpha))
  }
  var vectorised: UnaryLoop<Float, Float>? {
    { [alpha] x, y, count in ck_elu(x, y, count, alpha, alpha, 1) }
  }
  var cost: Int { 8 }
}

extension Celu {
  static var versionSteps: [VersionStep] {
    [
      .introduced(12) { change throws(OperatorError) in
        let x = try change.input(0)
        let type = change.tensorType(0)
        let alpha = try change.scalar(
          Double(try change.float("alpha") ?? 1), try change.elementType(0), "alpha")
        let y = change.emit("Elu", [change.emit("Div", [x, alpha], type: type)], type: type)
        change.emit("Mul", [y, alpha], as: change.node.outputs.first)
        change.isReplaced = true
      }
    ]
  }
}
