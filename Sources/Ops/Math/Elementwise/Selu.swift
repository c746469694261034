import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = gamma · x` where `x > 0`, `gamma · alpha · (eˣ − 1)` elsewhere.
struct Selu: DifferentiableElementwise {
  static let schema = Schema(
    "Selu", [1: .floats, 6: .floats, 22: [.floats, .bfloat16]],
    inputs: 1...1)
  let alpha: Float
  let gamma: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: node.version < 6 ? 1.6732 : 1.67326319217681884765625)
    gamma = try node.float("gamma", default: node.version < 6 ? 1.0507 : 1.05070102214813232421875)
    try node.skipConsumedInputs()
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T {
    T(gamma) * (x > 0 ? x : T(alpha) * .expMinusOne(x))
  }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    T(gamma) * (x > 0 ? 1 : T(alpha) * .exp(x))
  }
  var vectorised: UnaryLoop<Float, Float>? {
    { [alpha, gamma] x, y, count in ck_elu(x, y, count, alpha * gamma, 1, gamma) }
  }
  var cost: Int { 8 }
}

extension Selu {
  static var versionSteps: [VersionStep] {
    [
      // The default values have more digits since operator set 6.
      VersionStep(
        6,
        up: { change throws(OperatorError) in
          if change.node.attribute("alpha") == nil { change.set(.float("alpha", 1.6732)) }
          if change.node.attribute("gamma") == nil { change.set(.float("gamma", 1.0507)) }
        },
        down: { change throws(OperatorError) in
          if change.node.attribute("alpha") == nil {
            change.set(.float("alpha", 1.6732631921768188))
          }
          if change.node.attribute("gamma") == nil {
            change.set(.float("gamma", 1.0507010221481323))
          }
        })
    ]
  }
}
