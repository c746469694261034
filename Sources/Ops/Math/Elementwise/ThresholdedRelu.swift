import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = x` where `x > alpha`, 0 elsewhere, also where `x` is NaN.
struct ThresholdedRelu: DifferentiableElementwise {
  static let schema = Schema(
    "ThresholdedRelu", [10: .floats, 22: [.floats, .bfloat16]],
    inputs: 1...1)
  let alpha: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 1)
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T {
    x > T(alpha) ? x : 0
  }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { x > T(alpha) ? 1 : 0 }
  var vectorised: UnaryLoop<Float, Float>? {
    { [alpha] x, y, count in ck_thresholded_relu(x, y, count, alpha) }
  }
}

extension ThresholdedRelu {
  static var versionSteps: [VersionStep] {
    [
      .introduced(10) { change throws(OperatorError) in
        let x = try change.input(0)
        let element = try change.elementType(0)
        let alpha = try change.scalar(Double(try change.float("alpha") ?? 1), element, "alpha")
        let isAbove = change.emit("Greater", [x, alpha])
        let zero = try change.scalar(0, element, "zero")
        change.emit("Where", [isAbove, x, zero], as: change.node.outputs.first)
        change.isReplaced = true
      }
    ]
  }
}
