import ONNXFormat

/// Facts about an operator that graph transformations rely on: conversion to other operator sets,
/// quantization, simplification and the binding of weights.
///
/// Every fact has a default that is safe, so an operator states only what sets it apart, in its own
/// file. The facts hold for all versions that a type serves. Functions take the node because a fact
/// may depend on attributes; they must not trap on nodes that `init` would reject.
public protocol OperatorFacts {
  /// The effect on the results when the inputs are converted to a wider element type, and the
  /// outputs back. The default is `.inexact`.
  static var widening: Widening { get }

  /// The way inference engines run the operator between 8-bit values. The default is `.none`.
  static var eightBitForm: EightBitForm { get }

  /// The inputs whose elements the outputs consist of, unchanged, so that integers may be moved in place
  /// of the numbers that they note. The default is none.
  static func movedInputs(_ node: Node) -> [Int]

  /// The operator that computes the same product of 8-bit integers into int32 from the inputs
  /// `[x, w, x_zero_point, w_zero_point]`, such as `ConvInteger`. The default is `nil`.
  static func integerProduct(_ node: Node) -> String?

  /// The inputs that hold trained parameters. The default is none.
  static var parameters: [ParameterInput] { get }

  /// The layout of the constant weight of a linear map, or of the factors of a normalization that
  /// are applied by channel. The default is `nil`.
  static func linearWeight(_ node: Node) -> LinearWeight?

  /// The affine map of each channel that the node applies to one input while its other inputs hold
  /// these constants. The default is `nil`.
  static func channelMap(_ node: Node, ofInput input: Int, _ constants: ChannelConstants)
    -> ChannelMap?

  /// The value of an operand that makes the result equal to the other operand. The default is `nil`.
  static var neutralOperand: NeutralOperand? { get }

  /// Whether output 0 equals input 0. Types are `nil` where unknown. The default is `false`.
  static func isIdentity(_ node: Node, input: ValueType?, output: ValueType?) -> Bool

  /// The axes of input 0 in the order of output 0, if the node only permutes them. The default is
  /// `nil`.
  static func permutation(_ node: Node) -> [Int]?

  /// The dimensions of input 0 whose sizes output 0 lists. The default is `nil`.
  static func listedDimensions(_ node: Node, rank: Int) -> Range<Int>?

  /// The floating-point inputs whose numbers become sizes, indices, positions, thresholds or the steps
  /// of a quantization, so that they keep their precision when a model is narrowed. The default is
  /// none.
  static func exactInputs(_ node: Node) -> [Int]

  /// The elements that the node selects from a vector of `count` elements, input 0. `constant`
  /// gives the contents of an input where they are known. The default is `nil`.
  static func selection(_ node: Node, from count: Int, _ constant: (Int) -> Tensor?)
    -> VectorSelection?
}

extension OperatorFacts {
  /// `.inexact`.
  public static var widening: Widening { .inexact }
  /// `.none`.
  public static var eightBitForm: EightBitForm { .none }
  /// No inputs.
  public static func movedInputs(_ node: Node) -> [Int] { [] }
  /// `nil`.
  public static func integerProduct(_ node: Node) -> String? { nil }
  /// No parameters.
  public static var parameters: [ParameterInput] { [] }
  /// `nil`.
  public static func linearWeight(_ node: Node) -> LinearWeight? { nil }
  /// `nil`.
  public static func channelMap(
    _ node: Node, ofInput input: Int, _ constants: ChannelConstants
  ) -> ChannelMap? { nil }
  /// `nil`.
  public static var neutralOperand: NeutralOperand? { nil }
  /// `false`.
  public static func isIdentity(_ node: Node, input: ValueType?, output: ValueType?) -> Bool {
    false
  }
  /// `nil`.
  public static func permutation(_ node: Node) -> [Int]? { nil }
  /// `nil`.
  public static func listedDimensions(_ node: Node, rank: Int) -> Range<Int>? { nil }
  /// No inputs.
  public static func exactInputs(_ node: Node) -> [Int] { [] }
  /// `nil`.
  public static func selection(
    _ node: Node, from count: Int, _ constant: (Int) -> Tensor?
  ) -> VectorSelection? { nil }
}

/// The effect of a wider element type on an operator's results.
public enum Widening: Sendable {
  /// The results stay the same: elements are moved, compared or clamped, not combined.
  case exact
  /// The results are the same once they are truncated to the narrow type: integer arithmetic that
  /// wraps around.
  case wrapping
  /// The results may differ.
  case inexact
}

/// The way inference engines run an operator between 8-bit values.
public enum EightBitForm: Sendable {
  /// Not at all: inputs are converted to floating point.
  case none
  /// On 8-bit inputs, with a scale of its own for the output, as `QLinearConv` does.
  case ownScale
  /// On 8-bit inputs, and the output keeps the scale of input 0.
  case inputScale
  /// As the limits of the rounding after the operator before it.
  case clamp
}

/// An input that takes a trained parameter.
public struct ParameterInput: Sendable, Hashable {
  /// The part that a parameter plays in a layer.
  public enum Role: String, Sendable {
    /// The matrix or kernel of a linear map, or the factors of a normalization.
    case weight
    /// The vector that is added to the product.
    case bias
    /// The running mean of a normalization.
    case mean
    /// The running variance of a normalization.
    case variance
    /// Input weights of a recurrent layer, `W`.
    case inputWeights
    /// Recurrent weights, `R`.
    case stateWeights
    /// Biases of a recurrent layer, `B`.
    case gateBiases
  }

  /// The position among the node's inputs.
  public let input: Int
  /// The part that the parameter plays.
  public let role: Role
  /// Whether a constant in this place is always a parameter. Arithmetic takes other constants too.
  public let isCertain: Bool

  /// An input that takes a parameter.
  /// - Parameters:
  ///   - input: the position among the node's inputs
  ///   - role: the part that the parameter plays
  ///   - isCertain: `false` for an input that takes constants of any kind
  public init(_ input: Int, _ role: Role, isCertain: Bool = true) {
    self.input = input
    self.role = role
    self.isCertain = isCertain
  }
}

/// The layout of the weight of a linear map `y = W · x + b`, held by input 1 of its node.
public struct LinearWeight: Sendable, Hashable {
  /// The axis of the weight that counts the output channels of a group.
  public let outputAxis: Int
  /// The axis of a matrix that is summed over; `nil` for kernels, which have several, and for
  /// factors by channel.
  public let sumAxis: Int?
  /// The number of groups whose output channels `outputAxis` counts separately.
  public let groups: Int
  /// Whether input 2 is a bias with an element for each output channel, optional or not.
  public let takesBias: Bool

  /// The layout of a weight.
  /// - Parameters:
  ///   - outputAxis: the axis that counts the output channels of a group
  ///   - sumAxis: the axis of a matrix that is summed over; `nil` for a kernel
  ///   - groups: the number of groups that `outputAxis` does not count
  ///   - takesBias: whether input 2 is a bias
  public init(outputAxis: Int, sumAxis: Int? = nil, groups: Int = 1, takesBias: Bool = true) {
    self.outputAxis = outputAxis
    self.sumAxis = sumAxis
    self.groups = groups
    self.takesBias = takesBias
  }
}

/// An operand that leaves the other one unchanged, such as 0 in a sum.
public struct NeutralOperand: Sendable, Hashable {
  /// The value of all its elements.
  public let value: Float
  /// The inputs that may hold it, of two.
  public let inputs: [Int]

  /// An operand with equal elements.
  /// - Parameters:
  ///   - value: the value of the elements
  ///   - inputs: positions of the inputs, in the order in which they are tried
  public init(_ value: Float, inputs: [Int]) {
    self.value = value
    self.inputs = inputs
  }
}

/// Elements selected from a vector.
public struct VectorSelection: Sendable, Hashable {
  /// The positions of the elements, in the order of the output.
  public let positions: [Int]
  /// Whether the output is a vector; otherwise it is a scalar.
  public let isVector: Bool

  /// A selection of elements.
  /// - Parameters:
  ///   - positions: positions of elements, from 0
  ///   - isVector: whether the output is a vector rather than a scalar
  public init(_ positions: [Int], isVector: Bool) {
    self.positions = positions
    self.isVector = isVector
  }
}

extension OperatorFacts {
  /// Whether all sizes of two tensors are known and equal, so that a node that keeps the order of the
  /// elements is the identity.
  package static func haveEqualSizes(_ a: ValueType?, _ b: ValueType?) -> Bool {
    guard let sizes = a?.tensorType?.shape?.sizes else { return false }
    return sizes == b?.tensorType?.shape?.sizes
  }
}

extension Node {
  /// The value of an integer attribute; `nil` if missing or of another type.
  public func integer(_ name: String) -> Int? {
    if case .int(let value)? = attribute(name)?.value { Int(value) } else { nil }
  }

  /// The value of a float attribute; `nil` if missing or of another type.
  public func number(_ name: String) -> Float? {
    if case .float(let value)? = attribute(name)?.value { value } else { nil }
  }
}
