import ONNXFormat
import ONNXOperators
import ONNXShape

/// An optional that holds the input, or without one is empty and of the type in `type`.
struct OptionalOperator: Operator {
  static let schema = Schema("Optional", [15: .classic, 28: .all], inputs: 0...1)
  let type: ValueType?

  init(_ node: inout NodeReader) throws(OperatorError) { type = try node.optionalType("type") }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    if inputs.has(0) { return [.optional(try inputs.type(0))] }
    guard let type else { throw .attribute("type", "is missing, and so is the input") }
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

/// What an optional holds; a tensor or a sequence is handed on.
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

/// Whether the input is given and, if it is an optional, holds anything.
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
      // A value that is no optional is handed on since.
      VersionStep(
        18,
        down: { change throws(OperatorError) in
          guard let type = change.valueType(0) else {
            throw .input(0, "its type must be known, and is not")
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
              throw .input(0, "its type must be known, and is not")
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
