import ONNXFormat

extension ElementType {
  /// The type of that name in `TensorProto.DataType`, as operator set 1 has it: `FLOAT`.
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

  /// The type's name in `TensorProto.DataType`.
  package var standardName: String {
    switch self {
    case .float32: "FLOAT"
    case .float64: "DOUBLE"
    default: description.uppercased()
    }
  }
}
