import ONNXFormat

/// An input or output of a model, with its name in Swift.
struct Port {
  /// The Swift type of a value.
  enum Form: Hashable {
    case tensor, tensors, optionalTensor, value
  }

  /// The name in the model.
  let name: String
  /// The name in Swift, without backticks.
  let identifier: String
  /// The type, as far as the model states it.
  let type: ValueType?
  /// The model's description.
  let description: String?

  /// Ports for values of a model, whose names in Swift are all different.
  static func ports(_ values: [ValueInfo], _ names: inout SwiftNames) -> [Port] {
    zip(values, names.identifiers(for: values.map(\.name))).map {
      Port(name: $0.name, identifier: $1, type: $0.type, description: $0.docString)
    }
  }

  /// The identifier as source text.
  var source: String { SwiftName.source(identifier) }

  /// The form of the value in Swift.
  var form: Form {
    switch type?.kind {
    case .tensor: .tensor
    case .sequence(let element?) where element.tensorType != nil: .tensors
    case .optional(let element?) where element.tensorType != nil: .optionalTensor
    default: .value
    }
  }

  /// The Swift type as source text.
  var swiftType: String {
    switch form {
    case .tensor: "Tensor"
    case .tensors: "[Tensor]"
    case .optionalTensor: "Tensor?"
    case .value: "Value"
    }
  }

  /// An expression for the value of the parameter.
  var valueExpression: String {
    switch (form, type?.kind) {
    case (.tensors, .sequence(let element?)):
      ".sequence(SequenceValue(\(source).map { .tensor($0) }, "
        + "elementType: \(TypeSource.value(element))))"
    case (.optionalTensor, .optional(let element?)):
      ".optional(\(source).map { .tensor($0) }, type: \(TypeSource.value(element)))"
    case (.value, _): source
    default: ".tensor(\(source))"
    }
  }

  /// The name in quotes.
  var literal: String { TypeSource.literal(name) }

  /// The type and the model's description, for a comment.
  var summary: String {
    let type = type.map { "`\($0)`" } ?? "A value of any type"
    guard let description, !description.isEmpty else { return type + "." }
    return "\(type). \(description)"
  }
}

extension TensorType {
  /// The Swift type of the elements, where there is one.
  var swiftElement: String? {
    switch elementType {
    case .float32: "Float"
    case .float64: "Double"
    case .float16: "Float16"
    case .int8: "Int8"
    case .int16: "Int16"
    case .int32: "Int32"
    case .int64: "Int64"
    case .uint8: "UInt8"
    case .uint16: "UInt16"
    case .uint32: "UInt32"
    case .uint64: "UInt64"
    case .bool: "Bool"
    case .string: "String"
    default: nil
    }
  }
}
