import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Normalizes each group of channels of an image:
/// `y = scale · (x − mean) / √(variance + ε) + bias`, with one scale and one bias per channel.
struct GroupNormalization: GroupNormalizationOperator {
  static let schema = Schema(
    "GroupNormalization", [21: [.floats, .bfloat16]], inputs: 3...3)
  static var parameters: [ParameterInput] {
    [.init(1, .weight, isCertain: false), .init(2, .bias, isCertain: false)]
  }
  let groups: Int
  let epsilon: Float
  var isPerGroup: Bool { false }

  init(_ node: inout NodeReader) throws(OperatorError) {
    (groups, epsilon) = try node.groups()
    try node.checkStashType()
  }
}

/// `GroupNormalization` with one scale and one bias per group.
struct GroupNormalization18: GroupNormalizationOperator {
  static let schema = Schema(
    "GroupNormalization", [18: [.floats, .bfloat16]], inputs: 3...3)
  static var parameters: [ParameterInput] {
    [.init(1, .weight, isCertain: false), .init(2, .bias, isCertain: false)]
  }
  let groups: Int
  let epsilon: Float
  var isPerGroup: Bool { true }

  init(_ node: inout NodeReader) throws(OperatorError) {
    (groups, epsilon) = try node.groups()
  }
}

protocol GroupNormalizationOperator: Operator {
  var groups: Int { get }
  var epsilon: Float { get }
  /// Whether scale and bias have one element per group rather than per channel.
  var isPerGroup: Bool { get }
}

extension GroupNormalizationOperator {
  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.normalizedImages { channels throws(OperatorError) in
      guard channels % groups == 0 else {
        throw .input(0, "\(channels) channels are not divisible by num_groups \(groups)")
      }
      return isPerGroup ? groups : channels
    }
    return [.tensor(type)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try channelNormalization(try call.inputSizes(0)).kernel(call)
  }

  func channelNormalization(_ sizes: [Int]) throws(OperatorError) -> ChannelNormalization {
    guard let plane = sizes.dropFirst(2).elementCount, [sizes[1], plane].elementCount != nil else {
      throw .invalid("the element count of shape \(sizes) overflows")
    }
    return ChannelNormalization(
      batch: sizes[0], groups: groups, channels: sizes[1] / groups, plane: plane,
      epsilon: Double(epsilon), isPerGroup: isPerGroup)
  }
}

extension NodeReader {
  fileprivate mutating func groups() throws(OperatorError) -> (Int, Float) {
    let groups = try int("num_groups")
    guard groups > 0 else { throw .attribute("num_groups", "expected 1 or more, got \(groups)") }
    return (groups, try float("epsilon", default: 1e-5))
  }

  /// Reads `stash_type`, the type that the first stage of a normalization computes in. Kernels
  /// compute in float32 or float64, which satisfies any narrower type as well.
  /// - Returns: The type.
  @discardableResult
  mutating func checkStashType() throws(OperatorError) -> ElementType {
    let type = try optionalElementType("stash_type") ?? .float32
    guard [.float32, .float16, .bfloat16, .float64].contains(type) else {
      throw .attribute("stash_type", "expected a floating-point type, got \(type)")
    }
    return type
  }
}

extension GroupNormalization {
  static var versionSteps: [VersionStep] {
    [
      .introduced(18) { change throws(OperatorError) in try change.normalizeGroupsAsImages() },
      // Before, scale and bias had one element per group.
      VersionStep(
        21,
        up: { change throws(OperatorError) in
          guard let groups = try change.int("num_groups"), groups > 0,
            let channels = change.tensorType(0)?.shape.flatMap({ $0.rank > 1 ? $0[1].size : nil })
          else {
            throw .input(0, "the number of channels is unknown; shape inference must find it")
          }
          for input in 1...2 {
            let column = change.unsqueeze(try change.input(input), [1])
            let target = change.integers([groups, channels / groups], "repeats")
            let repeated = change.emit("Expand", [column, target])
            let flat = change.integers([-1], "flat")
            change.setInput(input, change.emit("Reshape", [repeated, flat]))
          }
        },
        down: { change throws(OperatorError) in
          guard let groups = try change.int("num_groups"), (1...1 << 24).contains(groups) else {
            throw .attribute("num_groups", "is missing")
          }
          let type = try change.elementType(1)
          let rank = try change.rank(0)
          let (scale, bias) = (try change.input(1), try change.input(2))
          let places = Array(1..<max(rank - 1, 1))
          for (input, value) in [(1, 1.0), (2, 0)] {
            let number = try change.scalar(value, type)
            let count = change.integers([groups], "count")
            change.setInput(input, change.emit("Expand", [number, count]))
          }
          change.drop("stash_type")
          let factor = rank > 2 ? change.unsqueeze(scale, places) : scale
          let term = rank > 2 ? change.unsqueeze(bias, places) : bias
          change.follow(0, "Add", [term])
          change.follow(0, "Mul", [factor])
          // The standard has deprecated version 18.
          try change.normalizeGroupsAsImages()
        }),
    ]
  }
}

extension VersionChange {
  /// Reshapes groups to channels and normalizes each with the scale and bias of its group.
  fileprivate mutating func normalizeGroupsAsImages() throws(OperatorError) {
    guard let groups = try int("num_groups") else {
      throw .attribute("num_groups", "is missing")
    }
    let shape = emit("Shape", [try input(0)])
    precede(
      0, "Reshape", [integers([0, groups, -1], "groups")],
      type: TensorType(try elementType(0), Shape(rank: 3)))
    node.operatorType = "InstanceNormalization"
    drop("num_groups")
    follow(0, "Reshape", [shape])
  }
}
