import ONNX

extension TextParser {
  /// The elements of a tensor after its type and name, `{1, 2}`, or the location of its external data.
  mutating func tensor(_ type: ValueType, name: String?) throws(ConversionError) -> NamedTensor {
    guard let type = type.tensorType else { throw scanner.error("only a tensor can have a value") }
    guard let shape = type.shape?.sizes else {
      throw scanner.error("a tensor with a value needs a known shape")
    }
    try take(MemoryLayout<NamedTensor>.stride)
    if scanner.peek() == "[" {
      let start = scanner.place()
      let entries = try entries()
      do throws(ConversionError) {
        return try externalData.tensor(type.elementType, shape, name: name, entries)
      } catch { throw scanner.error(error.description, at: start) }
    }
    guard scanner.peek() == "{" else {
      throw scanner.error("expected the tensor's elements, found \(scanner.found())")
    }
    return NamedTensor(name, try elements(type.elementType, shape))
  }

  private mutating func elements(
    _ type: ElementType, _ shape: [Int]
  ) throws(ConversionError) -> Tensor {
    let start = scanner.place()
    guard let count = shape.elementCount else {
      throw scanner.error("the shape \(shape) has too many elements")
    }
    func tensor<T: Element>(_ values: [T]) throws(ConversionError) -> Tensor {
      guard values.count == count else {
        throw scanner.error(
          "\(values.count) values do not fill the shape \(shape) of \(type)", at: start)
      }
      return Tensor(shape: shape, values)
    }
    switch type {
    case .float32: return try tensor(floats() as [Float])
    case .float64: return try tensor(floats() as [Double])
    case .complex64: return try complexes(Float.self, type, shape, count)
    case .complex128: return try complexes(Double.self, type, shape, count)
    case .int8: return try tensor(integers() as [Int8])
    case .int16: return try tensor(integers() as [Int16])
    case .int32: return try tensor(integers() as [Int32])
    case .int64: return try tensor(integers() as [Int64])
    case .uint8: return try tensor(integers() as [UInt8])
    case .uint16: return try tensor(integers() as [UInt16])
    case .uint32: return try tensor(integers() as [UInt32])
    case .uint64: return try tensor(integers() as [UInt64])
    case .bool: return try tensor((integers() as [Int32]).map { $0 != 0 })
    case .string:
      return try tensor(
        list("{", "}") { (parser) throws(ConversionError) in
          try parser.take(16)
          let text = try parser.scanner.quotedText()
          try parser.take(text.utf8.count)
          return text
        })
    default: return try codes(type, shape, count)
    }
  }

  private mutating func floats<T: LosslessStringConvertible & BinaryFloatingPoint>()
    throws(ConversionError) -> [T]
  {
    try list("{", "}") { (parser) throws(ConversionError) in
      try parser.take(MemoryLayout<T>.stride)
      return try parser.scanner.float()
    }
  }

  private mutating func integers<T: FixedWidthInteger>() throws(ConversionError) -> [T] {
    try list("{", "}") { (parser) throws(ConversionError) in
      try parser.take(MemoryLayout<T>.stride)
      return try parser.scanner.integer()
    }
  }

  /// Complex numbers, as alternating real and imaginary parts.
  private mutating func complexes<T: LosslessStringConvertible & BinaryFloatingPoint>(
    _ part: T.Type, _ type: ElementType, _ shape: [Int], _ count: Int
  ) throws(ConversionError) -> Tensor {
    let start = scanner.place()
    let parts: [T] = try floats()
    guard parts.count.isMultiple(of: 2), parts.count / 2 == count else {
      throw scanner.error(
        "\(parts.count) values do not fill the shape \(shape) of \(type)", at: start)
    }
    let tensor = try uninitialized(type, shape)
    let target = tensor.storage.pointer.assumingMemoryBound(to: T.self)
    for (index, part) in parts.enumerated() { target[index] = part }
    return tensor
  }

  private func uninitialized(
    _ type: ElementType, _ shape: [Int]
  ) throws(ConversionError) -> Tensor {
    do { return try Tensor(uninitialized: type, shape: shape) } catch {
      throw ConversionError(error.description)
    }
  }

  /// Elements that are written as their bits. Elements of less than a byte are packed into bytes, as in
  /// `int32_data`, or written one by one.
  private mutating func codes(
    _ type: ElementType, _ shape: [Int], _ count: Int
  ) throws(ConversionError) -> Tensor {
    let start = scanner.place()
    let bits = type.bitsInFile ?? 8
    let limit = Int32(1) << Int32(max(bits, 8))
    let codes: [Int32] = try integers()
    for code in codes where code < -limit / 2 || code >= limit {
      throw scanner.error("\(code) is out of range, \(-limit / 2) to \(limit - 1)", at: start)
    }
    let isShared = bits < 8 && 8 % bits == 0
    let perByte = isShared ? 8 / bits : 1
    let bytes = count / perByte + (count % perByte == 0 ? 0 : 1)
    guard codes.count == count || codes.count == bytes else {
      throw scanner.error(
        "\(codes.count) values do not fill the shape \(shape) of \(type)", at: start)
    }
    let tensor = try uninitialized(type, shape)
    let memory = tensor.storage.pointer
    if bits == 16 {
      let target = memory.assumingMemoryBound(to: UInt16.self)
      for (index, code) in codes.enumerated() { target[index] = UInt16(truncatingIfNeeded: code) }
      return tensor
    }
    let target = memory.assumingMemoryBound(to: UInt8.self)
    let mask = UInt8(truncatingIfNeeded: (1 << bits) - 1)
    let isSigned = type == .int4 || type == .int2
    let isEach = codes.count != bytes
    for index in 0..<count {
      let byte = UInt8(truncatingIfNeeded: codes[isEach ? index : index / perByte])
      var code = isEach ? byte : byte >> UInt8(index % perByte * bits)
      code &= mask
      if isSigned && code > mask / 2 { code |= ~mask }
      target[index] = code
    }
    return tensor
  }
}
