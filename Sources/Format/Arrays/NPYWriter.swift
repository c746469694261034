extension Tensor {
  /// Writes the tensor as a NumPy `.npy` file. What NumPy does not know goes as what holds it
  /// exactly: bfloat16 and smaller floats as float32, integers of 4 and 2 bits as int8 or uint8.
  public func writeNPY(to path: String) throws(FormatError) {
    do throws(FormatError) {
      let file = try OutputFile(path)
      try writeNPY { (bytes) throws(FormatError) in try file.write(bytes) }
      try file.commit()
    } catch {
      throw error.context.first == path ? error : error.within(path)
    }
  }

  /// Writes the file piece by piece.
  func writeNPY(_ write: (UnsafeRawBufferPointer) throws(FormatError) -> Void)
    throws(FormatError)
  {
    let known = try forNumPy()
    var type = NPYDataType(elementType: known.elementType)
    let strings = known.elementType == .string ? known.elements(as: String.self) : nil
    if let strings {
      type.text = .utf32
      type.length = max(1, strings.lazy.map(\.unicodeScalars.count).max() ?? 1)
    }
    try Self.pass(NPYHeader(type, shape: shape).serialized(), to: write)
    guard let strings else { return try known.withUnsafeBytes(write) }
    for string in strings {
      var words = string.unicodeScalars.map { $0.value.littleEndian }
      words.append(contentsOf: repeatElement(0, count: type.length - words.count))
      try Self.pass(words, to: write)
    }
  }

  private static func pass<T>(
    _ array: [T], to write: (UnsafeRawBufferPointer) throws(FormatError) -> Void
  ) throws(FormatError) {
    let result: Result<Void, FormatError> = array.withUnsafeBytes { bytes in
      Result { () throws(FormatError) in try write(bytes) }
    }
    try result.get()
  }

  /// This tensor with elements of a type that NumPy has.
  private func forNumPy() throws(FormatError) -> Tensor {
    switch elementType {
    case .bfloat16: return widened(BFloat16.self)
    case .float8e4m3fn: return widened(Float8E4M3FN.self)
    case .float8e4m3fnuz: return widened(Float8E4M3FNUZ.self)
    case .float8e5m2: return widened(Float8E5M2.self)
    case .float8e5m2fnuz: return widened(Float8E5M2FNUZ.self)
    case .float8e8m0: return widened(Float8E8M0.self)
    case .float4e2m1: return widened(Float4E2M1.self)
    case .float6e2m3: return widened(Float6E2M3.self)
    case .float6e3m2: return widened(Float6E3M2.self)
    case .int4, .int2: return Tensor(shape: shape, Array(elements(as: Int8.self)))
    case .uint4, .uint2: return Tensor(shape: shape, Array(elements(as: UInt8.self)))
    case .undefined: throw FormatError(.invalid("the tensor has no element type"))
    default: return self
    }
  }

  private func widened<T: SmallFloat>(_ type: T.Type) -> Tensor {
    Tensor(shape: shape, elements(as: T.self).map(\.float))
  }
}
