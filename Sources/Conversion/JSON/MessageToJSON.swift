import ONNX
internal import COnnx

/// Converts a message to protobuf's JSON, laid out as by `google.protobuf.json_format`.
struct MessageToJSON {
  private let source: [UInt8]
  private var layouts = MessageLayouts()
  private(set) var text: [UInt8] = []
  private var depth = 0

  static let nesting = 100

  private init(_ source: [UInt8]) { self.source = source }

  static func text(ofModel bytes: [UInt8]) throws(ConversionError) -> [UInt8] {
    var writer = MessageToJSON(bytes)
    try writer.message(MessageLayouts.model, 0..<bytes.count)
    writer.put("\n")
    return writer.text
  }

  private mutating func put(_ string: String) { text.append(contentsOf: string.utf8) }

  private mutating func newLine(_ level: Int) {
    put("\n")
    text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * level))
  }

  private mutating func message(
    _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>, _ range: Range<Int>, level: Int = 0
  ) throws(ConversionError) {
    guard depth < Self.nesting else {
      throw ConversionError("messages nested deeper than \(Self.nesting)")
    }
    depth += 1
    defer { depth -= 1 }
    let layout = layouts.layout(of: descriptor)
    var values: [UInt32: [WireCursor.Value]] = [:]
    var cursor = WireCursor(source, range)
    while !cursor.isAtEnd {
      guard let (number, value) = cursor.next() else {
        throw ConversionError("a \(layout.name) is damaged")
      }
      values[number, default: []].append(value)
    }
    put("{")
    var isFirst = true
    for field in layout.fields {
      guard let found = values[field.number], let last = found.last else { continue }
      if !isFirst { put(",") }
      isFirst = false
      newLine(level + 1)
      put("\"\(field.jsonName)\": ")
      if field.isRepeated {
        try list(field, found, level: level + 1)
      } else {
        try value(field, last, level: level + 1)
      }
    }
    if !isFirst { newLine(level) }
    put("}")
  }

  private mutating func list(
    _ field: MessageLayout.Field, _ values: [WireCursor.Value], level: Int
  ) throws(ConversionError) {
    put("[")
    var isFirst = true
    func begin(_ writer: inout MessageToJSON) {
      if !isFirst { writer.put(",") }
      isFirst = false
      writer.newLine(level + 1)
    }
    for item in values {
      if case .bytes(let range) = item, field.isPacked {
        var cursor = WireCursor(source, range)
        while !cursor.isAtEnd {
          guard let number = field.next(&cursor) else {
            throw ConversionError("\(field.jsonName) is damaged")
          }
          begin(&self)
          try value(field, .number(number), level: level + 1)
        }
      } else {
        begin(&self)
        try value(field, item, level: level + 1)
      }
    }
    if !isFirst { newLine(level) }
    put("]")
  }

  private mutating func value(
    _ field: MessageLayout.Field, _ value: WireCursor.Value, level: Int
  ) throws(ConversionError) {
    switch (field.kind, value) {
    case (.int32, .number(let bits)): put("\(Int32(truncatingIfNeeded: bits))")
    case (.int64, .number(let bits)): put("\"\(Int64(bitPattern: bits))\"")
    case (.uint64, .number(let bits)): put("\"\(bits)\"")
    case (.float, .number(let bits)):
      put(number: Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
    case (.double, .number(let bits)): put(number: Double(bitPattern: bits))
    case (.enumeration(let names), .number(let bits)):
      let number = Int32(truncatingIfNeeded: bits)
      guard let name = names.first(where: { $0.value == number })?.name else {
        throw ConversionError("\(field.jsonName) has no value \(number)")
      }
      put("\"\(name)\"")
    case (.string, .bytes(let range)): put(quoted: source[range])
    case (.bytes, .bytes(let range)):
      put("\"")
      Base64.encode(source[range], to: &text)
      put("\"")
    case (.message(let descriptor), .bytes(let range)):
      try message(descriptor, range, level: level)
    default: throw ConversionError("\(field.jsonName) has the wrong wire type")
    }
  }

  private mutating func put<T: BinaryFloatingPoint & CustomStringConvertible>(number: T) {
    if number.isNaN { return put("\"NaN\"") }
    if number.isInfinite { return put(number < 0 ? "\"-Infinity\"" : "\"Infinity\"") }
    put(number.description)
  }

  /// A string literal in ASCII: other characters become `\u` escapes of their UTF-16 code units.
  private mutating func put(quoted bytes: ArraySlice<UInt8>) {
    put("\"")
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      switch scalar {
      case "\"": put("\\\"")
      case "\\": put("\\\\")
      case "\n": put("\\n")
      case "\r": put("\\r")
      case "\t": put("\\t")
      case "\u{8}": put("\\b")
      case "\u{C}": put("\\f")
      case " "..."~": text.append(UInt8(truncatingIfNeeded: scalar.value))
      default:
        for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
          let digits = String(unit, radix: 16)
          put("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
        }
      }
    }
    put("\"")
  }
}

extension MessageLayout.Field {
  /// The next value of a packed field.
  fileprivate func next(_ cursor: inout WireCursor) -> UInt64? {
    switch kind {
    case .float: cursor.fixed(4)
    case .double: cursor.fixed(8)
    default: cursor.varint()
    }
  }
}
