extension Tensor {
  /// Writes the tensor as a NumPy `.npy` file. Elements of a type that NumPy lacks are converted without
  /// loss: bfloat16 and smaller floats to float32, integers of 4 and 2 bits to int8 or uint8.
  /// - Throws: `FormatError`, with the path, if the file cannot be written.
  public func writeNPY(to path: String) throws(FormatError) {
    do throws(FormatError) {
      let file = try OutputFile(path)
      try writeNPY { (bytes) throws(FormatError) in try file.write(bytes) }
      try file.commit()
    } catch {
      throw error.context.first == path ? error : error.within(path)
    }
  }

  /// Passes the bytes of the file to `write`, piece by piece.
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

  /// The tensor with elements of a type that NumPy has.
  private func forNumPy() throws(FormatError) -> Tensor {
    if let wide = elementType.dispatchSmallFloat(to: Widening(), self) { return wide }
    return switch elementType {
    case .int4, .int2: Tensor(storage, of: .int8, shape: shape)
    case .uint4, .uint2: Tensor(storage, of: .uint8, shape: shape)
    case .undefined: throw FormatError(.invalid("the tensor has no element type"))
    default: self
    }
  }

  private struct Widening: SmallFloatVisitor {
    func visit<T: SmallFloat>(_ type: T.Type, _ tensor: Tensor) -> Tensor {
      Tensor(shape: tensor.shape, tensor.elements(as: type).map(\.float))
    }
  }
}
