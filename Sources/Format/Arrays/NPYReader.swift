extension Tensor {
  /// Reads a NumPy `.npy` file with elements of type bool, integer, floating point, complex or string, in
  /// either byte order, in C or Fortran order.
  /// - Throws: `FormatError`, with the path, if the file is not such a file.
  public init(npyContentsOf path: String, options: ReadingOptions = .init()) throws(FormatError) {
    do throws(FormatError) {
      let file = try InputFile(path)
      guard file.count > 0 else { throw FormatError(.invalid("the file is empty")) }
      self = try Tensor(
        npy: PlainInput(ByteSource(file), 0..<file.count), limits: options.limits)
    } catch {
      throw error.context.first == path ? error : error.within(path)
    }
  }

  /// Reads a whole array.
  init(npy input: some ArrayInput, limits: ReadingLimits) throws(FormatError) {
    let header = try NPYHeader(from: input, limits: limits)
    try self.init(npy: input, header: header, limits: limits)
  }

  /// Reads the elements, which follow the header.
  package init(
    npy input: some ArrayInput, header: NPYHeader, limits: ReadingLimits
  ) throws(FormatError) {
    let type = header.dataType
    guard let count = header.shape.elementCount,
      case let (size, overflow) = count.multipliedReportingOverflow(by: type.size), !overflow
    else { throw FormatError(.invalid("the shape \(header.shape) has too many elements")) }
    guard size == input.remaining else {
      throw FormatError(
        .invalid(
          "\(input.remaining) bytes of data do not fill the shape \(header.shape), which takes "
            + "\(size)"))
    }
    // A string takes more memory than its bytes in the file.
    var budget = MemoryBudget(limit: limits.memoryLimit(fileSize: size))
    try budget.take(
      count.multipliedReportingOverflow(by: type.elementType.stride).overflow
        ? Int.max : count * type.elementType.stride)
    var tensor: Tensor
    do throws(TensorError) {
      tensor = try Tensor(uninitialized: type.elementType, shape: header.shape)
    } catch { throw FormatError(error) }
    if type.elementType == .string {
      try tensor.readStrings(type, from: input)
    } else {
      try input.read(size, into: tensor.storage.pointer)
      if type.isBigEndian { tensor.swapBytes(type.wordSize) }
      tensor.unpackInPlace()
    }
    if header.isFortranOrder {
      do throws(TensorError) { tensor = try tensor.fromFortranOrder() } catch {
        throw FormatError(error)
      }
    }
    self = tensor
  }

  /// Reverses the bytes of each word of `wordSize` bytes.
  /// - Precondition: no other tensor shares the memory.
  package func swapBytes(_ wordSize: Int) {
    _ = ElementType.dispatchWord(bytes: wordSize, to: ByteSwapping(), storage)
  }

  private struct ByteSwapping: WordVisitor {
    func visit<T: Element & FixedWidthInteger & UnsignedInteger>(
      _ type: T.Type, _ storage: TensorStorage
    ) {
      let words = UnsafeMutableBufferPointer(
        start: storage.pointer.assumingMemoryBound(to: T.self),
        count: storage.byteCount / MemoryLayout<T>.stride)
      for index in words.indices { words[index] = words[index].byteSwapped }
    }
  }

  /// Reads strings of a fixed length, padded with NULs.
  private func readStrings(_ type: NPYDataType, from input: some ArrayInput) throws(FormatError) {
    let strings = storage.pointer.assumingMemoryBound(to: String.self)
    guard type.size > 0 else { return }
    for index in 0..<count {
      var bytes = try input.bytes(type.size)
      if type.text == .bytes {
        while bytes.last == 0 { bytes.removeLast() }
        guard let string = String(validating: bytes, as: UTF8.self) else {
          throw FormatError(.invalid("element \(index) is not UTF-8"))
        }
        strings[index] = string
        continue
      }
      var scalars = String.UnicodeScalarView()
      var pendingZeros = 0
      for start in stride(from: 0, to: bytes.count, by: 4) {
        let word = bytes[start..<start + 4]
        let code = (type.isBigEndian ? Array(word) : word.reversed())
          .reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard let scalar = Unicode.Scalar(code) else {
          throw FormatError(.invalid("element \(index) is not Unicode text"))
        }
        if code == 0 {
          pendingZeros += 1
        } else {
          scalars.append(contentsOf: repeatElement("\0", count: pendingZeros))
          pendingZeros = 0
          scalars.append(scalar)
        }
      }
      strings[index] = String(scalars)
    }
  }

  /// The tensor in row-major order, if its elements are in column-major order.
  private func fromFortranOrder() throws(TensorError) -> Tensor {
    guard shape.count > 1, count > 1 else { return self }
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in 1..<shape.count { strides[axis] = strides[axis - 1] * shape[axis - 1] }
    let result = try Tensor(uninitialized: elementType, shape: shape)
    result.gather(storage.pointer, strides: strides)
    return result
  }
}
