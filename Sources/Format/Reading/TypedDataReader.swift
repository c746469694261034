extension MessageReader {
  /// A tensor with elements in a typed field of `TensorProto`, which may occur several times, each time
  /// with one value or a packed list of them.
  func typedTensor(
    _ message: Range<Int>, _ number: UInt32, _ type: ElementType, _ shape: [Int], _ count: Int
  ) throws(FormatError) -> Tensor {
    let given = try countEntries(message, number)
    guard let expected = type.entryCount(count), given == expected else {
      throw FormatError(
        .invalid("\(given) values do not fill \(type) \(shape)"))
    }
    let tensor = try allocate(type, shape)
    let target = tensor.storage.pointer + type.packedOffset(count: count)
    switch type {
    case .float32, .complex64: try copyEntries(message, number, size: 4, into: target)
    case .float64, .complex128: try copyEntries(message, number, size: 8, into: target)
    case .float6e2m3, .float6e3m2:
      // Unlike in raw_data, each entry holds one element.
      let bytes = tensor.storage.pointer.assumingMemoryBound(to: UInt8.self)
      try decode(message, number, UInt8.self, into: bytes)
      for index in 0..<count { bytes[index] &= 0x3F }
      return tensor
    default:
      let decoding = Decoding(reader: self, message: message, number: number)
      _ = try ElementType.dispatchWord(bytes: type.stride, to: decoding, target)
    }
    tensor.unpackInPlace()
    return tensor
  }

  /// `decode` for the word of an element type.
  private struct Decoding: WordVisitor {
    let reader: MessageReader
    let message: Range<Int>
    let number: UInt32

    func visit<T: Element & FixedWidthInteger & UnsignedInteger>(
      _ type: T.Type, _ target: UnsafeMutableRawPointer
    ) throws(FormatError) { try reader.decode(message, number, type, into: target) }
  }

  /// Calls `body` with each occurrence of the field.
  private func forEach(
    _ number: UInt32, in message: Range<Int>,
    _ body: (WireField) throws(FormatError) -> Void
  ) throws(FormatError) {
    var position = message.lowerBound
    while position < message.upperBound {
      let field = try source.field(at: &position, end: message.upperBound)
      if field.number == number { try body(field) }
    }
  }

  /// The number of values in the field.
  private func countEntries(_ message: Range<Int>, _ number: UInt32) throws(FormatError) -> Int {
    let size =
      switch number {
      case FieldNumber.Tensor.floatData: 4
      case FieldNumber.Tensor.doubleData: 8
      default: 0
      }
    var count = 0
    try forEach(number, in: message) { (field) throws(FormatError) in
      if field.type != .bytes {
        count += 1
      } else if size == 0 {
        count += try source.countVarints(in: field.body)
      } else if field.body.count.isMultiple(of: size) {
        count += field.body.count / size
      } else {
        throw FormatError(
          .malformed("a packed list ends within a number", offset: field.start))
      }
    }
    return count
  }

  /// Copies values of a fixed size.
  private func copyEntries(
    _ message: Range<Int>, _ number: UInt32, size: Int, into target: UnsafeMutableRawPointer
  ) throws(FormatError) {
    var offset = 0
    try forEach(number, in: message) { (field) throws(FormatError) in
      try source.read(field.body, into: target + offset)
      offset += field.body.count
    }
  }

  /// Decodes varints to words.
  private func decode<T: FixedWidthInteger>(
    _ message: Range<Int>, _ number: UInt32, _ type: T.Type, into target: UnsafeMutableRawPointer
  ) throws(FormatError) {
    var next = target.assumingMemoryBound(to: T.self)
    try forEach(number, in: message) { (field) throws(FormatError) in
      guard field.type == .bytes else {
        next.pointee = T(truncatingIfNeeded: field.value)
        next += 1
        return
      }
      let end = field.body.upperBound
      var position = field.body.lowerBound
      while position < end {
        next.pointee = T(truncatingIfNeeded: try source.varint(at: &position, end: end))
        next += 1
      }
    }
  }

  /// A tensor with elements in `string_data`.
  func stringTensor(_ message: Range<Int>, _ shape: [Int]) throws(FormatError) -> Tensor {
    let tensor = try allocate(.string, shape)
    var next = tensor.storage.pointer.assumingMemoryBound(to: String.self)
    try forEach(FieldNumber.Tensor.stringData, in: message) { (field) throws(FormatError) in
      try budget.take(field.body.count > 15 ? field.body.count + 32 : 0)
      let bytes = try source.bytes(field.body)
      guard let string = String(validating: bytes, as: UTF8.self) else {
        throw FormatError(.malformed("a string is not UTF-8", offset: field.start))
      }
      next.pointee = string
      next += 1
    }
    return tensor
  }
}

extension ElementType {
  /// The number of values in the typed field for `count` elements.
  fileprivate func entryCount(_ count: Int) -> Int? {
    switch self {
    case .complex64, .complex128:
      let (doubled, overflow) = count.multipliedReportingOverflow(by: 2)
      return overflow ? nil : doubled
    case .uint4, .int4, .float4e2m1, .uint2, .int2: return bytesInFile(count)
    default: return count
    }
  }
}
