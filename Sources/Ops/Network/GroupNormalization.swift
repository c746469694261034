import ONNXFormat

/// Groups of channels of each image normalized: `y = scale · (x − mean) / √(variance + ε) + bias`,
/// with a scale and a bias for each channel.
struct GroupNormalization: GroupNormalizationOperator {
  static let schema = Schema(
    "GroupNormalization", [21: [.floats, .bfloat16]], inputs: 3...3)
  let groups: Int
  let epsilon: Float
  var isPerGroup: Bool { false }

  init(_ node: inout NodeReader) throws(OperatorError) {
    (groups, epsilon) = try node.groups()
    try node.checkStashType()
  }
}

/// As `GroupNormalization`, with a scale and a bias for each group.
struct GroupNormalization18: GroupNormalizationOperator {
  static let schema = Schema(
    "GroupNormalization", [18: [.floats, .bfloat16]], inputs: 3...3)
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
  /// Whether scale and bias hold one number for each group rather than for each channel.
  var isPerGroup: Bool { get }
}

extension GroupNormalizationOperator {
  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.normalizedImages { channels throws(OperatorError) in
      guard channels % groups == 0 else {
        throw .input(0, "\(channels) channels do not divide into \(groups) groups")
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
      throw .invalid("no tensor has sizes \(sizes)")
    }
    return ChannelNormalization(
      batch: sizes[0], groups: groups, channels: sizes[1] / groups, plane: plane,
      epsilon: Double(epsilon), isPerGroup: isPerGroup)
  }
}

extension NodeReader {
  fileprivate mutating func groups() throws(OperatorError) -> (Int, Float) {
    let groups = try int("num_groups")
    guard groups > 0 else { throw .attribute("num_groups", "expected at least 1, got \(groups)") }
    return (groups, try float("epsilon", default: 1e-5))
  }

  /// Reads `stash_type`, the type that the first stage of a normalization computes in. What
  /// computes in at least float32 serves float32 and less.
  /// - Returns: the type
  @discardableResult
  mutating func checkStashType() throws(OperatorError) -> ElementType {
    let type = try optionalElementType("stash_type") ?? .float32
    guard [.float32, .float16, .bfloat16, .float64].contains(type) else {
      throw .attribute("stash_type", "expected a floating-point type, got \(type)")
    }
    return type
  }
}
