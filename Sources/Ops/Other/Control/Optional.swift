import ONNXFormat
import ONNXOperators
import ONNXShape

/// An optional that holds the input, or an empty optional of the type in `type` if there is no input.
struct OptionalOperator: Operator {
  static let schema = Schema("Optional", [15: .classic, 28: .all], inputs: 0...1)
  let type: ValueType?

  init(_ node: inout NodeReader) throws(OperatorError) { type = try node.optionalType("type") }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    if inputs.has(0) { return [.optional(try inputs.type(0))] }
    guard let type else { throw .attribute("type", "is missing; it is required without an input") }
    return [.optional(type)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { [type] call throws(OperatorError) in
      guard call.has(0) else { return [.optional(nil, type: type)] }
      let value = try call.value(0)
      return [.optional(value, type: value.type)]
    }
  }
}

/// The value in an optional. A tensor or a sequence is returned unchanged.
struct OptionalGetElement: AttributeFreeOperator {
  static let schema = Schema(
    "OptionalGetElement", [15: [], 18: .classic, 28: .all], inputs: 1...1)

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.type(0)
    guard case .optional(let element) = type.kind else { return [type] }
    return [element ?? ValueType(.undefined)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      guard case .optional(let element, _) = try call.value(0) else { return [try call.value(0)] }
      guard let element else { throw .input(0, "the optional is empty") }
      return [element]
    }
  }
}

/// Whether the input is given and is not an empty optional.
struct OptionalHasElement: AttributeFreeOperator {
  static let schema = Schema(
    "OptionalHasElement", [15: [], 18: .classic, 28: .all], inputs: 0...1)

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(.bool, [] as Shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      guard call.has(0) else { return [.tensor(Tensor(false))] }
      guard case .optional(let element, _) = try call.value(0) else {
        return [.tensor(Tensor(true))]
      }
      return [.tensor(Tensor(element != nil))]
    }
  }
}

extension OptionalGetElement {
  static var versionSteps: [VersionStep] {
    [
      // Since this version, a value that is not an optional is returned unchanged.
      VersionStep(
        18,
        down: { change throws(OperatorError) in
          guard let type = change.valueType(0) else {
            throw .input(0, "the type must be known")
          }
          guard case .optional = type.kind else { return change.node.operatorType = "Identity" }
        })
    ]
  }
}

extension OptionalHasElement {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        18,
        down: { change throws(OperatorError) in
          var known: Bool?
          if change.has(0) {
            guard let type = change.valueType(0) else {
              throw .input(0, "the type must be known")
            }
            if case .optional = type.kind { return }
            known = true
          }
          change.node.operatorType = "Constant"
          change.node.inputs = []
          change.set(.tensor("value", Tensor(known ?? false)))
        })
    ]
  }
}
