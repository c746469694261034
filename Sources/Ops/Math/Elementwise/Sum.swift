import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// The elementwise sum of the inputs.
struct Sum: VariadicOperator, DifferentiableOperator {
  static let schema = Schema(
    "Sum",
    [
      1: .floats, 6: .floats, 8: .floats, 13: [.floats, .bfloat16],
    ], inputs: .atLeast(1))
  let inputs: VariadicInputs

  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a + b }
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T { a &+ b }
  var vectorised: BinaryRowsLoop? { ck_add_rows }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    for input in 0..<backward.inputCount where backward.wants(input) {
      backward.setSum(input, gradient)
    }
  }
}

extension Sum {
  static var versionSteps: [VersionStep] {
    // Earlier versions do not broadcast, but `Add` does.
    [VersionStep(8, down: { change throws(OperatorError) in try change.addInputs() })]
  }
}

extension VersionChange {
  /// Replaces the node by a chain of `Add`.
  mutating func addInputs() throws(OperatorError) {
    var sum = try input(0)
    for (index, name) in node.inputs.enumerated().dropFirst() {
      let isLast = index == node.inputs.count - 1
      sum = emit("Add", [sum, name], as: isLast ? node.outputs.first : nil)
    }
    if node.inputs.count == 1 { emit("Identity", [sum], as: node.outputs.first) }
    isReplaced = true
  }
}

extension Sum: AffineOperator {
  var affineRole: AffineRole { .sum }
  var broadcastsByNumPy: Bool { inputs.broadcast }
}
