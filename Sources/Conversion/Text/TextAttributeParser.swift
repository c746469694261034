import ONNX

extension TextParser {
  /// `<name: kind = value, …>`
  mutating func attributes() throws(ConversionError) -> [Attribute] {
    guard scanner.peek() == "<" else { return [] }
    var attributes: [Attribute] = []
    try scanner.expect("<")
    repeat {
      let name = try scanner.name()
      attributes.append(try attribute(name))
    } while scanner.take(",")
    try scanner.expect(">")
    return attributes
  }

  /// The kind and value of an attribute, after its name.
  mutating func attribute(_ name: String) throws(ConversionError) -> Attribute {
    try take(MemoryLayout<Attribute>.stride)
    var stated: Int32 = 0
    if scanner.take(":") {
      let start = scanner.place()
      guard let number = TextNames.kindNumber(scanner.word()) else {
        throw scanner.error("expected a kind of attribute", at: start)
      }
      stated = number
    }
    try scanner.expect("=")
    let start = scanner.place()
    if scanner.take("@") {
      return Attribute(name, .reference(name: try scanner.name(), type: stated))
    }
    if scanner.peek() != "[" {
      let value = try single(stated)
      if stated != 0, value.number != stated { throw mismatch(stated, value, at: start) }
      return Attribute(name, value)
    }
    var element = Self.elementNumber(ofList: stated)
    if stated != 0, element == nil { throw scanner.error("expected a single value, found a list") }
    let values = try list("[", "]") { (parser) throws(ConversionError) in
      try parser.take(MemoryLayout<Attribute.Value>.stride)
      let start = parser.scanner.place()
      let value = try parser.single(element ?? 0)
      if let element, value.number != element {
        throw parser.mismatch(element, value, at: start)
      }
      element = value.number
      return value
    }
    guard let element, let value = Attribute.Value(list: values, of: element) else {
      throw scanner.error("an empty list needs a kind", at: start)
    }
    return Attribute(name, value)
  }

  private static func elementNumber(ofList number: Int32) -> Int32? {
    switch number {
    case 6...10: number - 5
    case 12, 14: number - 1
    default: nil
    }
  }

  private func mismatch(
    _ expected: Int32, _ value: Attribute.Value, at start: Int
  ) -> ConversionError {
    let names = [expected, value.number].map { TextNames.kindName($0) ?? "?" }
    return scanner.error("expected a value of \(names[0]), found one of \(names[1])", at: start)
  }

  /// A single value. An integer becomes a float where one is expected.
  private mutating func single(_ expected: Int32) throws(ConversionError) -> Attribute.Value {
    if isAtType() {
      let type = try type()
      let next = scanner.peek()
      if next == "{" || next == "=" || next == "\"" || !scanner.peekWord().isEmpty {
        let name = try scanner.optionalName() ?? ""
        _ = scanner.take("=")
        return .tensor(try tensor(type, name: name))
      }
      return .type(type)
    }
    let isWord = !scanner.peekWord().isEmpty
    if isWord && !scanner.isAtFloatWord() {
      return .graph(try graph(named: try scanner.name()))
    }
    let start = scanner.place()
    switch try scanner.literal() {
    case .integer(let text):
      if expected == 1 { return .float(try scanner.float(text, at: start)) }
      guard let value = Int64(text) else {
        throw scanner.error("\(text.quoted) does not fit into 64 bits", at: start)
      }
      return .int(value)
    case .float(let text): return .float(try scanner.float(text, at: start))
    case .string(let bytes):
      guard scanner.peek() == "(" else {
        try take(bytes.count)
        return .string(ByteString(bytes: bytes))
      }
      guard !bytes.contains(0), let name = String(validating: bytes, as: UTF8.self) else {
        throw scanner.error("the name of the graph is not valid UTF-8", at: start)
      }
      return .graph(try graph(named: name))
    }
  }
}

extension Attribute.Value {
  /// The standard's number for this kind of value.
  var number: Int32 {
    switch self {
    case .float: 1
    case .int: 2
    case .string: 3
    case .tensor: 4
    case .graph: 5
    case .floats: 6
    case .ints: 7
    case .strings: 8
    case .tensors: 9
    case .graphs: 10
    case .sparseTensor: 11
    case .sparseTensors: 12
    case .type: 13
    case .types: 14
    case .reference(_, let type): type
    }
  }

  /// A list of values of the kind `number`; `nil` where one is of another kind.
  init?(list: [Attribute.Value], of number: Int32) {
    func all<T>(_ element: (Attribute.Value) -> T?) -> [T]? {
      let elements = list.compactMap(element)
      return elements.count == list.count ? elements : nil
    }
    let value: Attribute.Value? =
      switch number {
      case 1: all { if case .float(let x) = $0 { x } else { nil } }.map { .floats($0) }
      case 2: all { if case .int(let x) = $0 { x } else { nil } }.map { .ints($0) }
      case 3: all { if case .string(let x) = $0 { x } else { nil } }.map { .strings($0) }
      case 4: all { if case .tensor(let x) = $0 { x } else { nil } }.map { .tensors($0) }
      case 5: all { if case .graph(let x) = $0 { x } else { nil } }.map { .graphs($0) }
      case 11: list.isEmpty ? .sparseTensors([]) : nil
      case 13: all { if case .type(let x) = $0 { x } else { nil } }.map { .types($0) }
      default: nil
      }
    guard let value else { return nil }
    self = value
  }
}
