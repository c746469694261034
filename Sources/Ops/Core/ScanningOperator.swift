/// An operator that runs its graph attribute `body` once for each slice of some inputs, like `Scan`. The
/// other inputs, which come first, are states.
///
/// The gradient is the same operator over the slices in the opposite order.
public protocol ScanningOperator: Operator {
  /// How inputs and outputs are sliced.
  var sliced: SlicedValues { get }
}

/// An operator that repeats the graph in its attribute `body`, as `Loop` does.
///
/// Inputs are a number of iterations, a condition, and the carried values before the first iteration.
/// The body maps the iteration's number, the condition and carried values to the condition, carried
/// values and scan outputs; outputs are the last carried values and the stacked scan outputs. The
/// gradient is a `Scan` over the iterations that the operator has run, from the last to the first.
public protocol LoopingOperator: Operator {}

/// The axes and directions along which an operator takes slices of inputs and stacks those of outputs.
public struct SlicedValues: Sendable {
  /// The axis of each sliced input.
  public var inputAxes: [Int]
  /// Whether the slices of each input are taken from the last to the first.
  public var inputDirections: [Bool]
  /// The axis of each stacked output; empty for 0.
  public var outputAxes: [Int]
  /// Whether the slices of each output are stacked from the last to the first; empty for `false`.
  public var outputDirections: [Bool]

  /// Axes and directions.
  public init(
    inputAxes: [Int], inputDirections: [Bool], outputAxes: [Int], outputDirections: [Bool]
  ) {
    self.inputAxes = inputAxes
    self.inputDirections = inputDirections
    self.outputAxes = outputAxes
    self.outputDirections = outputDirections
  }
}
