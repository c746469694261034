/// Elements of less than 8 bits. A file packs them bit by bit, lowest bits first; in memory each takes
/// a byte, and signed integers are sign-extended.
extension ElementType {
  /// The number of bytes that `count` elements take in a file; `nil` for strings and on overflow.
  package func bytesInFile(_ count: Int) -> Int? {
    guard let bits = bitsInFile else { return nil }
    let (total, overflow) = count.multipliedReportingOverflow(by: bits)
    return overflow ? nil : total / 8 + (total % 8 == 0 ? 0 : 1)
  }

  /// The offset in a tensor's memory at which the bytes of a file are read for `unpackInPlace`: at the
  /// end of the margin for packed elements, otherwise 0.
  package func packedOffset(count: Int) -> Int {
    guard let bits = bitsInFile, bits < 8, let packed = bytesInFile(count) else { return 0 }
    return count + TensorStorage.margin - packed
  }
}

extension Tensor {
  /// Turns the bytes of a file, read at `packedOffset`, into elements: unpacks elements of less than 8
  /// bits, and turns every nonzero `Bool` into 1.
  /// - Precondition: no other tensor shares the memory.
  package func unpackInPlace() {
    let bytes = storage.pointer.assumingMemoryBound(to: UInt8.self)
    let packed = bytes + elementType.packedOffset(count: count)
    switch elementType {
    case .bool: for index in 0..<count { bytes[index] = bytes[index] == 0 ? 0 : 1 }
    case .uint4, .float4e2m1:
      for index in 0..<count { bytes[index] = packed[index >> 1] >> (UInt8(index & 1) * 4) & 0xF }
    case .int4:
      for index in 0..<count {
        let code = packed[index >> 1] >> (UInt8(index & 1) * 4)
        bytes[index] = UInt8(bitPattern: Int8(bitPattern: code << 4) >> 4)
      }
    case .uint2:
      for index in 0..<count { bytes[index] = packed[index >> 2] >> (UInt8(index & 3) * 2) & 3 }
    case .int2:
      for index in 0..<count {
        let code = packed[index >> 2] >> (UInt8(index & 3) * 2)
        bytes[index] = UInt8(bitPattern: Int8(bitPattern: code << 6) >> 6)
      }
    case .float6e2m3, .float6e3m2:
      for index in 0..<count {
        let bit = index * 6
        let shift = UInt16(bit & 7)
        var code = UInt16(packed[bit >> 3])
        if shift > 2 { code |= UInt16(packed[bit >> 3 + 1]) << 8 }
        bytes[index] = UInt8(truncatingIfNeeded: code >> shift) & 0x3F
      }
    default: break
    }
  }

  /// Calls `body` with the elements' bytes as a file holds them, piece by piece.
  package func forEachPackedPiece(
    _ body: (UnsafeRawBufferPointer) throws(FormatError) -> Void
  ) throws(FormatError) {
    guard let bits = elementType.bitsInFile, count > 0 else { return }
    let all = UnsafeRawBufferPointer(start: storage.pointer, count: storage.byteCount)
    guard bits < 8 else { return try body(all) }
    // A multiple of 8 elements, so that every piece is of whole bytes.
    let size = 32 << 10
    for start in stride(from: 0, to: count, by: size) {
      let piece = UnsafeRawBufferPointer(rebasing: all[start..<min(start + size, count)])
      let packed = Self.pack(piece, bits: bits)
      let result: Result<Void, FormatError> = packed.withUnsafeBytes { bytes in
        Result { () throws(FormatError) in try body(bytes) }
      }
      try result.get()
    }
  }

  /// The lowest `bits` of each byte, packed without gaps.
  private static func pack(_ elements: UnsafeRawBufferPointer, bits: Int) -> [UInt8] {
    var packed: [UInt8] = []
    packed.reserveCapacity(elements.count * bits / 8 + 1)
    let mask = (UInt32(1) << UInt32(bits)) - 1
    var pending: UInt32 = 0
    var length = 0
    for element in elements {
      pending |= (UInt32(element) & mask) << UInt32(length)
      length += bits
      if length >= 8 {
        packed.append(UInt8(truncatingIfNeeded: pending))
        pending >>= 8
        length -= 8
      }
    }
    if length > 0 { packed.append(UInt8(truncatingIfNeeded: pending)) }
    return packed
  }
}
