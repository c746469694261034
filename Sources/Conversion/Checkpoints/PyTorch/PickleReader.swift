import ONNXFormat

/// Reads the pickles that `torch.save` writes, protocols 2 to 5. It follows the instructions that make
/// values and knows the names of `PickleGlobal`; no code is run.
struct PickleReader {
  private let source: ByteSource
  /// The offset of the next byte.
  private(set) var position: Int
  private let end: Int
  var objects = PickleObjects()
  private var stack: [PickleValue] = []
  /// The height of the stack at each mark.
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]

  /// The largest pickle, in bytes.
  static let longest = 64 << 20
  /// The most bytes that are copied between objects, as a pickle may copy one object many times.
  private static let copyLimit = 64 << 20
  private var copied = 0
  /// The largest number of objects of one file.
  private static let objectLimit = 4 << 20

  init(_ source: ByteSource, _ range: Range<Int>) {
    self.source = source
    self.position = range.lowerBound
    self.end = range.upperBound
  }

  func error(_ message: String) -> FormatError {
    FormatError(.malformed("pickle: \(message)", offset: position))
  }

  /// Reads one pickle and moves `position` to its end.
  /// - Throws: `FormatError` for a damaged pickle and one with unknown names or instructions
  mutating func load() throws(FormatError) -> PickleValue {
    stack = []
    marks = []
    memo = [:]
    let start = position
    while true {
      guard position - start <= Self.longest else {
        throw FormatError(.limit("a pickle of more than \(Self.longest) bytes"))
      }
      guard objects.count <= Self.objectLimit else {
        throw FormatError(.limit("a pickle of more than \(Self.objectLimit) objects"))
      }
      let code = try byte()
      if code == UInt8(ascii: ".") { return try pop() }
      if try scalar(code) { continue }
      if try container(code) { continue }
      guard try reference(code) else {
        throw error("unknown instruction \(code)")
      }
    }
  }

  /// - Throws: `FormatError.Reason.limit` where a pickle copies more bytes than a state dict needs
  mutating func chargeCopy(_ bytes: Int) throws(FormatError) {
    copied += bytes
    guard copied <= Self.copyLimit else {
      throw FormatError(.limit("a pickle that copies more than \(Self.copyLimit) bytes"))
    }
  }

  // MARK: Bytes

  private mutating func byte() throws(FormatError) -> UInt8 {
    guard position < end else { throw error("it ends early") }
    defer { position += 1 }
    return try source.byte(at: position)
  }

  private mutating func bytes(_ count: UInt64) throws(FormatError) -> [UInt8] {
    guard count <= UInt64(end - position), count <= UInt64(Self.longest) else {
      throw error("it ends early")
    }
    defer { position += Int(count) }
    return try source.bytes(position..<position + Int(count))
  }

  /// An unsigned integer of `count` bytes, lowest first.
  private mutating func number(_ count: Int) throws(FormatError) -> UInt64 {
    var value: UInt64 = 0
    for shift in 0..<count { value |= UInt64(try byte()) << UInt64(8 * shift) }
    return value
  }

  private mutating func text(_ count: UInt64) throws(FormatError) -> String {
    guard let string = String(validating: try bytes(count), as: UTF8.self) else {
      throw error("a string is not valid UTF-8")
    }
    return string
  }

  private mutating func line() throws(FormatError) -> String {
    var bytes: [UInt8] = []
    while true {
      let byte = try byte()
      if byte == 0x0A { break }
      guard bytes.count < 1000 else { throw error("a name of more than 1000 bytes") }
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  // MARK: Stack

  private mutating func pop() throws(FormatError) -> PickleValue {
    guard stack.count > (marks.last ?? 0), let value = stack.popLast() else {
      throw error("it takes a value from an empty stack")
    }
    return value
  }

  private mutating func popMark() throws(FormatError) -> [PickleValue] {
    guard let mark = marks.popLast() else { throw error("a mark is missing") }
    let values = Array(stack[mark...])
    stack.removeLast(values.count)
    return values
  }

  private func top() throws(FormatError) -> PickleValue {
    guard stack.count > (marks.last ?? 0), let value = stack.last else {
      throw error("it takes a value from an empty stack")
    }
    return value
  }

  // MARK: Instructions

  /// Numbers, strings and instructions on the stack.
  /// - Returns: whether the instruction is one of these
  private mutating func scalar(_ code: UInt8) throws(FormatError) -> Bool {
    switch code {
    case 0x80:
      let version = try byte()
      guard (2...5).contains(version) else {
        throw FormatError(.unsupported("pickles of protocol \(version)"))
      }
    case 0x95: _ = try number(8)
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.bool(true))
    case 0x89: stack.append(.bool(false))
    case UInt8(ascii: "J"):
      stack.append(.int(Int(Int32(truncatingIfNeeded: try number(4)))))
    case UInt8(ascii: "K"): stack.append(.int(Int(try number(1))))
    case UInt8(ascii: "M"): stack.append(.int(Int(try number(2))))
    case 0x8A: stack.append(long(try bytes(try number(1))))
    case 0x8B: stack.append(long(try bytes(try number(4))))
    case UInt8(ascii: "G"):
      stack.append(.double(Double(bitPattern: try number(8).byteSwapped)))
    case UInt8(ascii: "X"): stack.append(.string(try text(try number(4))))
    case 0x8C: stack.append(.string(try text(try number(1))))
    case 0x8D: stack.append(.string(try text(try number(8))))
    case UInt8(ascii: "B"), UInt8(ascii: "T"): stack.append(.bytes(try bytes(try number(4))))
    case UInt8(ascii: "C"), UInt8(ascii: "U"): stack.append(.bytes(try bytes(try number(1))))
    case 0x8E, 0x96: stack.append(.bytes(try bytes(try number(8))))
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "0"): _ = try pop()
    case UInt8(ascii: "1"): _ = try popMark()
    case UInt8(ascii: "2"): stack.append(try top())
    default: return false
    }
    return true
  }

  private func long(_ bytes: [UInt8]) -> PickleValue {
    guard bytes.count <= 8 else { return .long(bytes) }
    var value = (bytes.last ?? 0) >= 0x80 ? -1 : 0
    for byte in bytes.reversed() { value = value << 8 | Int(byte) }
    return .int(value)
  }

  /// Tuples, lists, sets and dictionaries.
  /// - Returns: whether the instruction is one of these
  private mutating func container(_ code: UInt8) throws(FormatError) -> Bool {
    switch code {
    case UInt8(ascii: ")"): tuple([])
    case UInt8(ascii: "t"): tuple(try popMark())
    case 0x85, 0x86, 0x87:
      var values: [PickleValue] = []
      for _ in 0..<Int(code - 0x84) { values.append(try pop()) }
      tuple(values.reversed())
    case UInt8(ascii: "]"), 0x8F: list([])
    case UInt8(ascii: "l"), 0x91: list(try popMark())
    case UInt8(ascii: "a"): try extend([try pop()])
    case UInt8(ascii: "e"), 0x90: try extend(try popMark())
    case UInt8(ascii: "}"): stack.append(dictionary([]))
    case UInt8(ascii: "d"): stack.append(dictionary(try pairs(try popMark())))
    case UInt8(ascii: "s"):
      let value = try pop()
      try set([try pop(), value])
    case UInt8(ascii: "u"): try set(try popMark())
    default: return false
    }
    return true
  }

  private mutating func tuple(_ values: [PickleValue]) {
    objects.sequences.append(values)
    stack.append(.tuple(objects.sequences.count - 1))
  }

  private mutating func list(_ values: [PickleValue]) {
    objects.sequences.append(values)
    stack.append(.list(objects.sequences.count - 1))
  }

  private mutating func extend(_ values: [PickleValue]) throws(FormatError) {
    guard case .list(let index) = try top() else {
      throw error("it appends to an object that is not a list")
    }
    objects.sequences[index] += values
  }

  mutating func dictionary(
    _ pairs: [(key: PickleValue, value: PickleValue)]
  ) -> PickleValue {
    objects.dictionaries.append(pairs)
    return .dictionary(objects.dictionaries.count - 1)
  }

  private func pairs(
    _ values: [PickleValue]
  ) throws(FormatError) -> [(key: PickleValue, value: PickleValue)] {
    guard values.count % 2 == 0 else { throw error("a key has no value") }
    return stride(from: 0, to: values.count, by: 2).map { (values[$0], values[$0 + 1]) }
  }

  private mutating func set(_ values: [PickleValue]) throws(FormatError) {
    guard case .dictionary(let index) = try top() else {
      throw error("it sets a key of an object that is not a dictionary")
    }
    objects.dictionaries[index] += try pairs(values)
  }

  /// The memo, names, and objects that are made by them.
  /// - Returns: whether the instruction is one of these
  private mutating func reference(_ code: UInt8) throws(FormatError) -> Bool {
    switch code {
    case UInt8(ascii: "q"): memo[Int(try number(1))] = try top()
    case UInt8(ascii: "r"): memo[Int(try number(4))] = try top()
    case 0x94: memo[memo.count] = try top()
    case UInt8(ascii: "h"): try recall(Int(try number(1)))
    case UInt8(ascii: "j"): try recall(Int(try number(4)))
    case UInt8(ascii: "c"):
      let module = try line()
      stack.append(.global(try PickleGlobal(module, try line())))
    case 0x93:
      guard case .string(let name) = try pop(), case .string(let module) = try pop() else {
        throw error("a name is not a string")
      }
      stack.append(.global(try PickleGlobal(module, name)))
    case UInt8(ascii: "R"), 0x81:
      let arguments = try self.arguments(try pop())
      guard case .global(let global) = try pop() else {
        throw error("it calls an object that is not a function")
      }
      stack.append(try make(global, arguments))
    case UInt8(ascii: "b"):
      let state = try pop()
      try setState(of: try top(), state)
    case UInt8(ascii: "Q"): stack.append(try persistent(try arguments(try pop())))
    default: return false
    }
    return true
  }

  private mutating func recall(_ index: Int) throws(FormatError) {
    guard let value = memo[index] else { throw error("it reads a memo entry that does not exist") }
    stack.append(value)
  }

  private func arguments(_ value: PickleValue) throws(FormatError) -> [PickleValue] {
    guard case .tuple(let index) = value else { throw error("arguments are not a tuple") }
    return objects.sequences[index]
  }
}
