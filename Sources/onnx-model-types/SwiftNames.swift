import ONNXFormat

/// Swift identifiers for the names of a model, all different within one scope.
struct SwiftNames {
  private var used: Set<String>

  /// A scope that already has these identifiers.
  init(reserved: Set<String> = []) { used = reserved }

  /// Identifiers for names, in their order. A name that is an identifier keeps its spelling, before
  /// others are made into identifiers.
  mutating func identifiers(for names: [String]) -> [String] {
    var result = [String?](repeating: nil, count: names.count)
    for (index, name) in names.enumerated() where SwiftName.member(name) == name {
      if used.insert(name).inserted { result[index] = name }
    }
    return zip(result, names).map { $0 ?? identifier(for: $1) }
  }

  /// An identifier for a name, with a number behind it where the scope has the identifier already.
  mutating func identifier(for name: String) -> String {
    let base = SwiftName.member(name)
    var identifier = base
    var number = 2
    while !used.insert(identifier).inserted {
      identifier = "\(base)_\(number)"
      number += 1
    }
    return identifier
  }
}

enum SwiftName {
  /// The name of a parameter or property: `h_out` stays, `conv1.weight` becomes `conv1Weight`.
  static func member(_ name: String) -> String {
    let parts = words(of: name) { $0 == "_" }
    let identifier = (parts.first ?? "") + parts.dropFirst().map(capitalized).joined()
    guard identifier.contains(where: { $0 != "_" }) else { return "value" }
    let startsWell = identifier.unicodeScalars.first.map { $0 == "_" || isStart($0) } ?? false
    let result = startsWell ? identifier : "_" + identifier
    return unusable.contains(result) || typesInUse.contains(result) ? result + "_" : result
  }

  /// The name of a type for a file: `char_lstm` becomes `CharLstm`.
  static func type(_ stem: String) -> String {
    let name = words(of: stem) { _ in false }.map(capitalized).joined()
    guard let first = name.unicodeScalars.first else { return "Model" }
    let result = isStart(first) ? name : "Model" + name
    return unusable.contains(result) || typesInUse.contains(result) ? result + "Model" : result
  }

  /// The identifier as source text, in backticks if it is a keyword.
  static func source(_ identifier: String) -> String {
    keywords.contains(identifier) ? "`\(identifier)`" : identifier
  }

  /// The parts of a text between characters that no identifier can have.
  private static func words(
    of text: String, besides isAllowed: (Unicode.Scalar) -> Bool
  ) -> [String] {
    text.clipped(200).unicodeScalars
      .split { !isAllowed($0) && !isContinuation($0) }.map { String($0) }
  }

  private static func capitalized(_ word: String) -> String {
    word.prefix(1).uppercased() + word.dropFirst()
  }

  private static func isStart(_ scalar: Unicode.Scalar) -> Bool {
    scalar != "_" && scalar.properties.isXIDStart
  }

  private static func isContinuation(_ scalar: Unicode.Scalar) -> Bool {
    scalar != "_" && scalar.properties.isXIDContinue
  }

  /// Words that mean something else after a dot, even in backticks.
  private static let unusable: Set<String> = ["self", "Self", "init", "super", "Type", "Protocol"]

  /// Types that the generated source refers to.
  private static let typesInUse: Set<String> = [
    "Any", "Bool", "Bundle", "Double", "Duration", "Float", "Float16", "InputArray", "Int", "Int16",
    "Int32",
    "Int64", "Int8", "ModelError", "OutputValues", "Sendable", "SequenceValue", "Session",
    "SessionOptions", "Shape", "StaticString", "String", "Tensor", "TensorType", "UInt16", "UInt32",
    "UInt64", "UInt8", "Value", "ValueType",
  ]

  private static let keywords: Set<String> = [
    "as", "associatedtype", "await", "break", "case", "catch", "class", "continue", "default",
    "defer", "deinit", "do", "else", "enum", "extension", "fallthrough", "false", "fileprivate",
    "for", "func", "guard", "if", "import", "in", "inout", "internal", "is", "let", "nil",
    "operator", "precedencegroup", "private", "protocol", "public", "repeat", "rethrows", "return",
    "static", "struct", "subscript", "switch", "throw", "throws", "true", "try", "typealias", "var",
    "where", "while",
  ]
}
