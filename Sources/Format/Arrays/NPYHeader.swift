/// The header of a `.npy` file: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
package struct NPYHeader {
  var dataType = NPYDataType(elementType: .float32)
  package var isFortranOrder = false
  var shape: [Int] = []

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// The longest header that is accepted, in bytes.
  private static let longest = 1 << 16
  /// The offset of the elements is a multiple of this.
  private static let alignment = 64

  /// The header of an array in row-major order.
  package init(_ dataType: NPYDataType, shape: [Int]) {
    self.dataType = dataType
    self.shape = shape
  }

  /// Reads the header. Then `input` is at the first byte of the elements.
  init(from input: some ArrayInput, limits: ReadingLimits) throws(FormatError) {
    let start = try input.bytes(8)
    guard start.starts(with: Self.magic) else {
      throw FormatError(.invalid("not a NumPy file"))
    }
    let version = start[6]
    guard (1...3).contains(version) else {
      throw FormatError(.unsupported("version \(version) of the NumPy file format"))
    }
    let lengthBytes = try input.bytes(version == 1 ? 2 : 4)
    let length = lengthBytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= Self.longest else {
      throw FormatError(
        .limit("the header has \(length) bytes, the limit is \(Self.longest)"))
    }
    var parser = PythonLiteral(try input.bytes(length))
    var found: Set<String> = []
    try parser.expect("{")
    while !parser.accept("}") {
      let key = try parser.string()
      guard found.insert(key).inserted else {
        throw FormatError(.malformed("the header has \(key.quoted) twice", offset: 0))
      }
      try parser.expect(":")
      switch key {
      case "descr": dataType = try NPYDataType(try parser.string())
      case "fortran_order": isFortranOrder = try parser.bool()
      case "shape": shape = try parser.integers(limit: limits.rank)
      default:
        throw FormatError(.malformed("the header has an unknown key, \(key.quoted)", offset: 0))
      }
      if !parser.accept(",") {
        try parser.expect("}")
        break
      }
    }
    guard found.count == 3 else {
      throw FormatError(.malformed("the header lacks descr, fortran_order or shape", offset: 0))
    }
  }

  /// The bytes of the header.
  func serialized() -> [UInt8] {
    let sizes = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var text =
      "{'descr': '\(dataType.description)', 'fortran_order': False, 'shape': (\(sizes)), }"
    // The header is magic, version, length, text, spaces and a line feed.
    let isLong = text.utf8.count + 64 > Int(UInt16.max)
    let fixed = Self.magic.count + 2 + (isLong ? 4 : 2)
    let unpadded = fixed + text.utf8.count + 1
    let padding = (Self.alignment - unpadded % Self.alignment) % Self.alignment
    text += String(repeating: " ", count: padding) + "\n"
    var bytes = Self.magic + [isLong ? 2 : 1, 0]
    for byte in 0..<(isLong ? 4 : 2) {
      bytes.append(UInt8(truncatingIfNeeded: text.utf8.count >> (8 * byte)))
    }
    return bytes + Array(text.utf8)
  }
}

/// The element type of a NumPy array.
package struct NPYDataType: Sendable {
  /// The units of a string of fixed length.
  package enum Text: Sendable { case utf32, bytes }

  package var elementType: ElementType
  /// The units of strings; `nil` for other types.
  package var text: Text?
  /// The number of units of each string.
  var length = 0
  package var isBigEndian = false

  package init(elementType: ElementType) { self.elementType = elementType }

  /// The size of an element in the file, in bytes.
  package var size: Int {
    switch text {
    case .utf32: length.multipliedReportingOverflow(by: 4).partialValue
    case .bytes: length
    case nil: elementType.stride
    }
  }

  /// The size of the numbers whose bytes are in a byte order, in bytes.
  package var wordSize: Int {
    switch elementType {
    case .complex64: 4
    case .complex128: 8
    case .string: text == .utf32 ? 4 : 1
    default: elementType.stride
    }
  }

  private static let names: [(String, ElementType)] = [
    ("b1", .bool), ("i1", .int8), ("i2", .int16), ("i4", .int32), ("i8", .int64), ("u1", .uint8),
    ("u2", .uint16), ("u4", .uint32), ("u8", .uint64), ("f2", .float16), ("f4", .float32),
    ("f8", .float64), ("c8", .complex64), ("c16", .complex128),
  ]

  /// Parses a `descr`, such as `<f4`.
  /// - Throws: `FormatError.Reason.unsupported` for a type that tensors lack.
  package init(_ description: String) throws(FormatError) {
    var name = description[...]
    let order = name.first.flatMap { "<>|=".contains($0) ? $0 : nil }
    if order != nil { name.removeFirst() }
    if name.first == "O" {
      throw FormatError(.unsupported("NumPy arrays of Python objects"))
    }
    if let (_, type) = Self.names.first(where: { $0.0 == name }) {
      elementType = type
    } else if let kind = name.first, kind == "U" || kind == "S",
      let length = Int(name.dropFirst()), (0...Int(Int32.max)).contains(length)
    {
      elementType = .string
      text = kind == "U" ? .utf32 : .bytes
      self.length = length
    } else {
      throw FormatError(.unsupported("NumPy arrays of type \(description.quoted)"))
    }
    isBigEndian = order == ">"
  }

  /// The `descr` of the type, such as `<f4`.
  var description: String {
    if elementType == .string { return "<U\(length)" }
    let name = Self.names.first { $0.1 == elementType }?.0 ?? ""
    return (elementType.stride == 1 ? "|" : "<") + name
  }
}

/// A parser for the Python literals of a NumPy header.
private struct PythonLiteral {
  private let text: [UInt8]
  private var position = 0

  init(_ text: [UInt8]) { self.text = text }

  private mutating func skipSpace() {
    while position < text.count, [0x20, 0x0A, 0x0D, 0x09].contains(text[position]) {
      position += 1
    }
  }

  mutating func accept(_ token: String) -> Bool {
    skipSpace()
    guard text[position...].starts(with: token.utf8) else { return false }
    position += token.utf8.count
    return true
  }

  mutating func expect(_ token: String) throws(FormatError) {
    guard accept(token) else { throw error("expected '\(token)'") }
  }

  private func error(_ message: String) -> FormatError {
    FormatError(.malformed("the header cannot be parsed: \(message)", offset: position))
  }

  mutating func string() throws(FormatError) -> String {
    skipSpace()
    if accept("[") { throw FormatError(.unsupported("NumPy arrays of records")) }
    let isDouble = accept("\"")
    if !isDouble { try expect("'") }
    let quote = UInt8(ascii: isDouble ? "\"" : "'")
    guard let end = text[position...].firstIndex(of: quote) else {
      throw error("expected a string")
    }
    defer { position = end + 1 }
    return String(decoding: text[position..<end], as: UTF8.self)
  }

  mutating func bool() throws(FormatError) -> Bool {
    if accept("True") { return true }
    try expect("False")
    return false
  }

  mutating func integers(limit: Int) throws(FormatError) -> [Int] {
    var values: [Int] = []
    try expect("(")
    while !accept(")") {
      values.append(try integer())
      if values.count > limit { throw FormatError(.limit("more than \(limit) dimensions")) }
      if !accept(",") {
        try expect(")")
        break
      }
    }
    return values
  }

  private mutating func integer() throws(FormatError) -> Int {
    skipSpace()
    let digits = text[position...].prefix { (0x30...0x39).contains($0) }
    guard let value = Int(String(decoding: digits, as: UTF8.self)) else {
      throw error("expected a size")
    }
    position += digits.count
    // Python 2 appended an L to long integers.
    _ = accept("L")
    return value
  }
}
