import ONNX
internal import COnnx

/// Converts protobuf's JSON to the bytes of the message, as `google.protobuf.json_format` does.
struct MessageFromJSON {
  private var scanner: JSONScanner
  private var layouts = MessageLayouts()
  private var depth = 0

  private init(_ text: [UInt8]) { scanner = JSONScanner(text) }

  static func model(_ text: [UInt8]) throws(ConversionError) -> [UInt8] {
    var reader = MessageFromJSON(text)
    let bytes = try reader.message(MessageLayouts.model)
    try reader.scanner.expectEnd()
    return bytes
  }

  private mutating func message(
    _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>
  ) throws(ConversionError) -> [UInt8] {
    guard depth < MessageToJSON.nesting else {
      throw scanner.error("messages nested deeper than \(MessageToJSON.nesting)")
    }
    depth += 1
    defer { depth -= 1 }
    let layout = layouts.layout(of: descriptor)
    var bytes: [UInt8] = []
    var met: Set<UInt32> = []
    var hasOneOf = false
    try scanner.expect("{")
    if scanner.take("}") { return bytes }
    repeat {
      let start = scanner.place()
      let name = String(decoding: try scanner.string(), as: UTF8.self)
      guard let index = layout.indices[name] else {
        throw scanner.error("\(layout.name) has no field \(name.quoted)", at: start)
      }
      let field = layout.fields[index]
      guard met.insert(field.number).inserted else {
        throw scanner.error("\(layout.name) has the field \(name.quoted) twice", at: start)
      }
      try scanner.expect(":")
      if scanner.take(word: "null") { continue }
      if field.isOneOf {
        if hasOneOf {
          throw scanner.error("\(name.quoted) excludes a field before it", at: start)
        }
        hasOneOf = true
      }
      if field.isRepeated {
        try list(field, &bytes)
      } else {
        try value(field, &bytes)
      }
    } while scanner.take(",")
    try scanner.expect("}")
    return bytes
  }

  private mutating func list(
    _ field: MessageLayout.Field, _ bytes: inout [UInt8]
  ) throws(ConversionError) {
    try scanner.expect("[")
    if scanner.take("]") { return }
    var packed: [UInt8] = []
    repeat {
      if scanner.peek() == "n" { throw scanner.error("a list has the element null") }
      if field.isPacked {
        packed.append(number: try number(field))
      } else {
        try value(field, &bytes)
      }
    } while scanner.take(",")
    try scanner.expect("]")
    if field.isPacked { bytes.append(field: field.number, bytes: packed) }
  }

  /// Appends a field with the next value.
  private mutating func value(
    _ field: MessageLayout.Field, _ bytes: inout [UInt8]
  ) throws(ConversionError) {
    switch field.kind {
    case .string: bytes.append(field: field.number, bytes: try scanner.string())
    case .bytes:
      let start = scanner.place()
      guard let content = Base64.decode(try scanner.string()) else {
        throw scanner.error("the string is not base64", at: start)
      }
      bytes.append(field: field.number, bytes: content)
    case .message(let descriptor):
      bytes.append(field: field.number, bytes: try message(descriptor))
    default:
      let number = try number(field)
      bytes.append(varint: UInt64(field.number) << 3 | number.wireType)
      bytes.append(number: number)
    }
  }

  /// A number as a message stores it.
  fileprivate enum Number {
    case varint(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)

    var wireType: UInt64 {
      switch self {
      case .varint: 0
      case .fixed32: 5
      case .fixed64: 1
      }
    }
  }

  private mutating func number(_ field: MessageLayout.Field) throws(ConversionError) -> Number {
    let start = scanner.place()
    let isQuoted = scanner.peek() == "\""
    let text: String
    if isQuoted {
      text = String(decoding: try scanner.string(), as: UTF8.self)
    } else if let number = try scanner.number() {
      text = number
    } else {
      throw scanner.error("expected a value of \(field.jsonName)")
    }
    let number: Number?
    switch field.kind {
    case .int32:
      number = Self.integer(text, Int32.self).map { .varint(UInt64(bitPattern: Int64($0))) }
    case .int64: number = Self.integer(text, Int64.self).map { .varint(UInt64(bitPattern: $0)) }
    case .uint64: number = Self.integer(text, UInt64.self).map { .varint($0) }
    case .float:
      number = Self.float(text, isQuoted, Float.self).map { .fixed32($0.bitPattern) }
    case .double:
      number = Self.float(text, isQuoted, Double.self).map { .fixed64($0.bitPattern) }
    case .enumeration(let names):
      let given = Self.integer(text, Int32.self)
      let value = names.first { isQuoted && $0.name == text || $0.value == given }?.value
      number = value.map { .varint(UInt64(bitPattern: Int64($0))) }
    case .string, .bytes, .message: number = nil
    }
    guard let number else {
      throw scanner.error("\(text.quoted) is not a value of \(field.jsonName)", at: start)
    }
    return number
  }

  /// An integer, which may be written with a point or an exponent.
  private static func integer<T: FixedWidthInteger>(_ text: String, _ type: T.Type) -> T? {
    T(text) ?? (isNumber(text) ? Double(text).flatMap { T(exactly: $0) } : nil)
  }

  private static func float<T: BinaryFloatingPoint & LosslessStringConvertible>(
    _ text: String, _ isQuoted: Bool, _ type: T.Type
  ) -> T? {
    switch text {
    case "NaN": return .nan
    case "Infinity": return .infinity
    case "-Infinity": return -.infinity
    default:
      guard !isQuoted || isNumber(text), let value = T(text), value.isFinite else { return nil }
      return value
    }
  }

  /// Whether the text is a decimal number and nothing else.
  private static func isNumber(_ text: String) -> Bool {
    text.utf8.allSatisfy { $0.isDigit || "+-.eE".utf8.contains($0) }
  }
}

extension [UInt8] {
  fileprivate mutating func append(number: MessageFromJSON.Number) {
    switch number {
    case .varint(let value): append(varint: value)
    case .fixed32(let bits):
      for shift in stride(from: 0, to: 32, by: 8) {
        append(UInt8(truncatingIfNeeded: bits >> UInt32(shift)))
      }
    case .fixed64(let bits):
      for shift in stride(from: 0, to: 64, by: 8) {
        append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
      }
    }
  }
}
