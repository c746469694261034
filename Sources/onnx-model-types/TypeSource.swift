import ONNXFormat

/// Types and texts of a model as Swift source.
enum TypeSource {
  /// An expression of type `TensorType` for a tensor, of type `ValueType` for other values.
  static func declared(_ type: ValueType?) -> String {
    switch type?.kind {
    case .tensor(let type)?: tensor(type)
    default: value(type ?? ValueType(.undefined))
    }
  }

  /// An expression of type `ValueType`.
  static func value(_ type: ValueType) -> String {
    func optional(_ type: ValueType?) -> String { type.map(value) ?? "nil" }
    return switch type.kind {
    case .undefined: "ValueType(.undefined)"
    case .tensor(let type): ".tensor(\(tensor(type)))"
    case .sparseTensor(let type): "ValueType(.sparseTensor(\(tensor(type))))"
    case .sequence(let element): "ValueType.sequence(\(optional(element)))"
    case .optional(let element): "ValueType.optional(\(optional(element)))"
    case .map(let key, let element): "ValueType(.map(key: .\(key), value: \(optional(element))))"
    case .opaque(let domain, let name):
      "ValueType(.opaque(domain: \(domain.map(literal) ?? "nil"), name: "
        + "\(name.map(literal) ?? "nil")))"
    }
  }

  /// An expression of type `TensorType`.
  static func tensor(_ type: TensorType) -> String {
    let shape = type.shape.map { shape in
      "[" + shape.map(dimension).joined(separator: ", ") + "]"
    }
    return "TensorType(.\(type.elementType), \(shape ?? "nil"))"
  }

  private static func dimension(_ dimension: Dimension) -> String {
    switch dimension {
    case .size(let size): "\(size)"
    case .symbol(let name): ".symbol(\(literal(name)))"
    case .unknown: ".unknown"
    }
  }

  /// A string literal.
  static func literal(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\" + String(scalar)
      case _ where scalar.properties.generalCategory.isInvisible:
        result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension Unicode.GeneralCategory {
  /// Whether characters of the category could end a line or hide text.
  fileprivate var isInvisible: Bool {
    switch self {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: true
    default: false
    }
  }
}
