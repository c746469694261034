import ONNXFormat
import ONNXOperators

/// The elements converted to the type `to`.
///
/// With `saturate`, an infinity becomes the largest value of every float8 type. For E4M3FNUZ and E5M2FNUZ
/// the standard's table says NaN; its test cases, its reference evaluator and onnxruntime say the largest.
struct Cast: DifferentiableOperator {
  static let schema = Schema(
    "Cast",
    [
      1: .castable, 6: .castable, 9: [.castable, .string],
      13: [.castable, .string, .bfloat16], 19: [.castable, .string, .bfloat16, .float8s],
      21: [.castable, .string, .bfloat16, .float8s, .int4s],
      23: [.castable, .string, .bfloat16, .float8s, .int4s, .float4],
      24: [.castable, .string, .bfloat16, .float8s, .int4s, .float4, .scale8],
      25: [.castable, .string, .bfloat16, .float8s, .int4s, .float4, .scale8, .int2s],
      28: [.castable, .string, .bfloat16, .float8s, .int4s, .float4, .scale8, .int2s, .float6s],
    ], inputs: 1...1)
  let target: ElementType
  let rules: ElementConversion.Rules

  init(_ node: inout NodeReader) throws(OperatorError) {
    if node.version == 1 {
      let name = try node.string("to")
      guard let type = ElementType(standardName: name) else {
        throw .attribute("to", "'\(name)' is not an element type")
      }
      target = type
    } else {
      guard let type = try node.optionalElementType("to") else {
        throw .attribute("to", "is missing")
      }
      target = type
    }
    rules = try ElementConversion.Rules(&node, saturateSince: 19)
    let types = Self.schema.versions.last { $0.since <= node.version }?.types ?? []
    guard types.contains(target) else {
      throw .attribute("to", "expected one of \(types), got \(target)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(target, try inputs.tensor(0).shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try castKernel(call, to: target, rules)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    backward.set(0, backward.builder.cast(gradient, to: try backward.elementType(0)))
  }
}

/// The elements of input 0 converted to the element type of input 1.
struct CastLike: DifferentiableOperator {
  static let schema = Schema(
    "CastLike",
    [
      15: [.castable, .string, .bfloat16], 19: [.castable, .string, .bfloat16, .float8s],
      21: [.castable, .string, .bfloat16, .float8s, .int4s],
      23: [.castable, .string, .bfloat16, .float8s, .int4s, .float4],
      24: [.castable, .string, .bfloat16, .float8s, .int4s, .float4, .scale8],
      25: [.castable, .string, .bfloat16, .float8s, .int4s, .float4, .scale8, .int2s],
    ], inputs: 2...2)
  let rules: ElementConversion.Rules

  init(_ node: inout NodeReader) throws(OperatorError) {
    rules = try ElementConversion.Rules(&node, saturateSince: 19)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(try inputs.tensor(1).elementType, try inputs.tensor(0).shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try castKernel(call, to: call.elementType(1), rules)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    backward.set(0, backward.builder.cast(gradient, to: try backward.elementType(0)))
  }
}

/// A kernel that converts input 0, including to and from strings.
private func castKernel(
  _ call: Preparation, to target: ElementType, _ rules: ElementConversion.Rules
) throws(OperatorError) -> Kernel {
  let source = try call.elementType(0)
  let count = try call.inputCount(0)
  if source == target { return .view(of: 0) }
  let kernel =
    if source == .string {
      parsingKernel(target, count, rules)
    } else if target == .string {
      textKernel(source, count)
    } else {
      ElementConversion(from: source, to: target, rules)?.kernel(count)
    }
  guard let kernel else {
    throw .input(0, "a conversion from \(source) to \(target) is not supported")
  }
  return kernel
}

extension ElementConversion.Rules {
  init(_ node: inout NodeReader, saturateSince version: Int) throws(OperatorError) {
    if node.version >= version { isSaturating = try node.flag("saturate", default: true) }
    guard node.version >= 24 else { return }
    switch try node.choice("round_mode", default: "up", among: ["up", "down", "nearest"]) {
    case "up": scaleRounding = .up
    case "down": scaleRounding = .down
    default: scaleRounding = .nearest
    }
  }
}

extension TypeSet {
  /// The types of version 1 of Cast.
  static let castable: TypeSet = [.floats, .integers, .bool]
  static let float4 = TypeSet(.float4e2m1)
  static let float6s: TypeSet = [TypeSet(.float6e2m3), TypeSet(.float6e3m2)]
  static let scale8 = TypeSet(.float8e8m0)
}

extension Cast {
  static var versionSteps: [VersionStep] {
    let typed = schema.versions.filter { $0.since > 6 }.map { version in
      VersionStep(
        version.since,
        down: { change throws(OperatorError) in
          try change.checkCast(before: version.since)
        })
    }
    return typed + [
      VersionStep(
        6,
        up: { change throws(OperatorError) in
          guard let name = try change.string("to"), let type = ElementType(standardName: name)
          else { throw .attribute("to", "is not an element type") }
          change.set(.int("to", Int(type.rawValue)))
        },
        down: { change throws(OperatorError) in
          try change.checkCast(before: 6)
          guard let number = try change.int("to"), let raw = Int32(exactly: number),
            let type = ElementType(rawValue: raw)
          else { throw .attribute("to", "is not an element type") }
          change.set(.string("to", type.standardName))
        })
    ]
  }
}

extension CastLike {
  static var versionSteps: [VersionStep] {
    [
      .introduced(15) { change throws(OperatorError) in
        change.node.operatorType = "Cast"
        change.set(.int("to", Int(try change.elementType(1).rawValue)))
        change.setInput(1, "")
      }
    ]
      + schema.versions.dropFirst().map { version in
        VersionStep(
          version.since,
          down: { change throws(OperatorError) in
            let types = schema.versions.last { $0.since < version.since }?.types ?? []
            let type = change.tensorType(1)?.elementType ?? .undefined
            guard type == .undefined || types.contains(type) else {
              throw .input(
                1, "expected one of \(types), the types of the target version, got \(type)")
            }
            if version.since == 19 { change.drop("saturate") }
            if version.since == 24 { change.drop("round_mode") }
          })
      }
  }
}

extension VersionChange {
  /// Checks that versions before this one can cast to the type, and drops attributes added in it.
  fileprivate mutating func checkCast(before version: Int) throws(OperatorError) {
    let types = Cast.schema.versions.last { $0.since < version }?.types ?? []
    guard let number = try int("to"), let type = ElementType(rawValue: Int32(clamping: number)),
      types.contains(type)
    else { throw .attribute("to", "expected one of \(types), the types of the target version") }
    if version == 19 { drop("saturate") }
    if version == 24 { drop("round_mode") }
  }
}

extension Cast {
  static func isIdentity(_ node: Node, input: ValueType?, output: ValueType?) -> Bool {
    guard let type = input?.tensorType?.elementType, type != .undefined else { return false }
    return node.integer("to") == Int(type.rawValue)
  }
}

extension Cast {
  static func exactInputs(_ node: Node) -> [Int] {
    let target: ElementType? =
      switch node.attribute("to")?.value {
      case .int(let number): Int32(exactly: number).flatMap(ElementType.init(rawValue:))
      case .string(let name): ElementType(standardName: name.string)
      default: nil
      }
    let integers: TypeSet = [.integers, .int4s, .int2s]
    return target.map(integers.contains) == true ? [0] : []
  }
}

extension CastLike {
  /// The target may be an integer type, which the node does not tell.
  static func exactInputs(_ node: Node) -> [Int] { [0] }
}

extension Cast {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.broadcast }
}

extension CastLike {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.broadcast }
}
