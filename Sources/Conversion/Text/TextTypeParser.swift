import ONNX

extension TextParser {
  /// Whether a type comes next, not a name.
  mutating func isAtType() -> Bool { TextNames.isTypeWord(scanner.peekWord()) }

  /// A type such as `float[N, 3]` or `seq(int64)`.
  mutating func type() throws(ConversionError) -> ValueType {
    try nested { (parser) throws(ConversionError) in try parser.nestedType() }
  }

  private mutating func nestedType() throws(ConversionError) -> ValueType {
    let start = scanner.place()
    let word = scanner.word()
    if let element = TextNames.elementTypes[word] {
      return .tensor(TensorType(element, try shape()))
    }
    guard TextNames.typeWords.contains(word) else {
      throw scanner.error("expected a type", at: start)
    }
    try take(MemoryLayout<ValueType>.stride)
    try scanner.expect("(")
    let kind: ValueType.Kind
    switch word {
    case "seq": kind = .sequence(try type())
    case "optional": kind = .optional(try type())
    case "map":
      let key = try elementType()
      try scanner.expect(",")
      kind = .map(key: key, value: try type())
    case "sparse_tensor":
      let element = try elementType()
      kind = .sparseTensor(TensorType(element, try shape()))
    default: kind = try opaque()
    }
    try scanner.expect(")")
    return ValueType(kind)
  }

  private mutating func elementType() throws(ConversionError) -> ElementType {
    let start = scanner.place()
    guard let type = TextNames.elementTypes[scanner.word()] else {
      throw scanner.error("expected an element type", at: start)
    }
    return type
  }

  /// The shape of a tensor type: missing for a scalar, `[]` for an unknown rank.
  private mutating func shape() throws(ConversionError) -> Shape? {
    guard scanner.peek() == "[" else { return [] }
    let dimensions = try list("[", "]") { (parser) throws(ConversionError) in
      try parser.take(2 * MemoryLayout<Dimension>.stride)
      return try parser.dimension()
    }
    guard dimensions.count <= Self.rank else {
      throw scanner.error("a tensor has more than \(Self.rank) dimensions")
    }
    return dimensions.isEmpty ? nil : Shape(dimensions)
  }

  private mutating func dimension() throws(ConversionError) -> Dimension {
    if scanner.take("?") { return .unknown }
    if let name = try scanner.optionalName() { return .symbol(name) }
    let start = scanner.place()
    let size = try scanner.integer(Int.self)
    guard size >= 0 else { throw scanner.error("a dimension is negative: \(size)", at: start) }
    return .size(size)
  }

  /// The arguments of `opaque()`, `opaque(name)` or `opaque(domain, name)`.
  private mutating func opaque() throws(ConversionError) -> ValueType.Kind {
    if scanner.peek() == ")" { return .opaque(domain: nil, name: nil) }
    var first = try scanner.name()
    while scanner.take(".") { first += "." + (try scanner.name()) }
    guard scanner.take(",") else { return .opaque(domain: nil, name: first) }
    return .opaque(domain: first, name: try scanner.name())
  }
}
