import ONNXFormat
import ONNXOperators

/// All windows of `size` elements along axis `dim`, `step` apart: the axis counts the windows, and a
/// new last axis has their elements.
struct UnfoldTensor: FunctionOperator {
  static let schema = Schema(
    "UnfoldTensor", domain: ContribOperators.domain, [1: .all], inputs: 1...1)
  static var needsTypes: Bool { true }
  let axis: Int
  let size: Int
  let step: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("dim", default: -1)
    size = try node.int("size")
    step = try node.int("step", default: 1)
    guard step > 0 else { throw .attribute("step", "expected a positive number, got \(step)") }
    guard size > 0 else { throw .attribute("size", "expected a positive number, got \(size)") }
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let rank = function.shape(0)?.rank ?? 0
    guard rank > 0, (-rank..<rank).contains(axis) else {
      throw .attribute("dim", "\(axis) is out of range for rank \(rank)")
    }
    let axis = axis < 0 ? axis + rank : axis
    func number(_ value: Int) -> String {
      function.builder.constant(Tensor(shape: [], [Int64(value)]))
    }
    let shape = function.builder.shape(of: function.input(0))
    let count = function.node("Gather", [shape, number(axis)])
    let end = function.node("Sub", [count, number(size - 1)])
    let starts = function.node("Range", [number(0), end, number(step)])
    let column = function.node("Unsqueeze", [starts, function.builder.integers([1])])
    let within = function.node("Range", [number(0), number(size), number(1)])
    let places = function.node("Add", [column, within])
    let windows = function.node("Gather", [function.input(0), places], [.int("axis", axis)])
    var axes = Array(0...rank)
    axes.append(axes.remove(at: axis + 1))
    function.set(0, function.builder.transpose(windows, axes))
  }
}
