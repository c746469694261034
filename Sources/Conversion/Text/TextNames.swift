import ONNX

/// Keywords of the text syntax.
enum TextNames {
  /// The keyword of an element type; `nil` for the undefined one.
  static func name(of type: ElementType) -> String? {
    switch type {
    case .undefined: nil
    case .float32: "float"
    case .float64: "double"
    default: type.description
    }
  }

  static let elementTypes: [String: ElementType] = {
    var types: [String: ElementType] = [:]
    for type in ElementType.allCases {
      if let name = name(of: type) { types[name] = type }
    }
    return types
  }()

  /// Keywords that begin the type of a value other than a tensor.
  static let typeWords: Set<String> = ["seq", "map", "optional", "sparse_tensor", "opaque"]

  static func isTypeWord(_ word: String) -> Bool {
    elementTypes[word] != nil || typeWords.contains(word)
  }

  /// The keywords for kinds of attributes, with the standard's numbers.
  static let attributeKinds: [(name: String, number: Int32)] = [
    ("float", 1), ("int", 2), ("string", 3), ("tensor", 4), ("graph", 5), ("floats", 6),
    ("ints", 7), ("strings", 8), ("tensors", 9), ("graphs", 10), ("sparse_tensor", 11),
    ("sparse_tensors", 12), ("type_proto", 13), ("type_protos", 14),
  ]

  static func kindNumber(_ name: String) -> Int32? {
    attributeKinds.first { $0.name == name }?.number
  }

  static func kindName(_ number: Int32) -> String? {
    attributeKinds.first { $0.number == number }?.name
  }

  /// Whether a name is a word, so that it needs no quotes.
  static func isWord(_ text: String) -> Bool {
    guard let first = text.utf8.first, !first.isDigit else { return false }
    return text.utf8.allSatisfy(\.isWordByte)
  }
}
