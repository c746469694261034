import ONNXFormat

extension ElementType {
  /// The type with a name in `TensorProto.DataType`, such as `FLOAT`, as operator set 1 spells it.
  package init?(standardName name: String) {
    switch name {
    case "FLOAT": self = .float32
    case "DOUBLE": self = .float64
    default:
      guard let type = Self.allCases.first(where: { $0.description.uppercased() == name }) else {
        return nil
      }
      self = type
    }
  }

  /// The name in `TensorProto.DataType`.
  package var standardName: String {
    switch self {
    case .float32: "FLOAT"
    case .float64: "DOUBLE"
    default: description.uppercased()
    }
  }
}
