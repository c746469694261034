/// The destination of a message.
enum WireOutput {
  /// The bytes are only counted.
  case counting
  /// The bytes are kept in memory.
  case memory
  /// The bytes are written to a file.
  case file(OutputFile)
}

/// Writes protobuf messages field by field.
///
/// A submessage follows its size, so the same code runs twice: the first pass determines the size of
/// every submessage, the second one writes.
final class MessageWriter {
  private var output = WireOutput.counting
  private var count = 0
  /// The sizes of the submessages, in the order in which they start.
  private var sizes: [Int] = []
  private var next = 0
  private(set) var bytes: [UInt8] = []

  let arena = MessageArena()
  let external: ExternalDataOptions?
  private var externalOffset = 0
  private var externalFile: OutputFile?

  /// The largest message that protobuf's own readers accept.
  private static let largestFile = Int(Int32.max)
  /// The offset of a tensor in external data is a multiple of this.
  private static let alignment = 64

  init(external: ExternalDataOptions?) { self.external = external }

  /// Runs `body` twice: to determine sizes, and then to write to `output`.
  func write(
    to output: WireOutput, externalFile: OutputFile? = nil,
    _ body: () throws(FormatError) -> Void
  ) throws(FormatError) {
    try body()
    guard count <= Self.largestFile else {
      throw FormatError(
        .invalid(
          "the model takes \(count) bytes, but a protobuf file holds at most \(Self.largestFile); "
            + "write its tensors to external data"))
    }
    self.output = output
    self.externalFile = externalFile
    if case .memory = output { bytes.reserveCapacity(count) }
    externalOffset = 0
    try body()
  }

  /// Writes bytes.
  func put(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    switch output {
    case .counting: count += bytes.count
    case .memory: self.bytes.append(contentsOf: bytes)
    case .file(let file): try file.write(bytes)
    }
  }

  /// Writes `size` bytes by calling `fill`, or only counts them.
  private func put(size: Int, _ fill: () throws(FormatError) -> Void) throws(FormatError) {
    if case .counting = output { count += size } else { try fill() }
  }

  private func put(varint value: UInt64) throws(FormatError) {
    var storage: (UInt64, UInt64) = (0, 0)
    let result: Result<Void, FormatError> = withUnsafeMutableBytes(of: &storage) { buffer in
      var value = value
      var length = 0
      while value >= 0x80 {
        buffer[length] = UInt8(truncatingIfNeeded: value) | 0x80
        value >>= 7
        length += 1
      }
      buffer[length] = UInt8(truncatingIfNeeded: value)
      return Result { () throws(FormatError) in
        try put(UnsafeRawBufferPointer(rebasing: buffer[...length]))
      }
    }
    try result.get()
  }

  private func put(tag number: UInt32, length: Int) throws(FormatError) {
    try put(varint: UInt64(number) << 3 | UInt64(WireType.bytes.rawValue))
    try put(varint: UInt64(length))
  }

  /// Writes a field with a message, of which `body` writes the fields.
  func submessage(_ number: UInt32, _ body: () throws(FormatError) -> Void) throws(FormatError) {
    guard case .counting = output else {
      let size = sizes[next]
      next += 1
      try put(tag: number, length: size)
      return try body()
    }
    let index = sizes.count
    let before = count
    sizes.append(0)
    try body()
    sizes[index] = count - before
    try put(tag: number, length: sizes[index])
  }

  /// Writes a field with text or bytes.
  func bytes(_ number: UInt32, _ value: some Collection<UInt8>) throws(FormatError) {
    try put(tag: number, length: value.count)
    let result: Result<Void, FormatError>? = value.withContiguousStorageIfAvailable { buffer in
      Result { () throws(FormatError) in try put(UnsafeRawBufferPointer(buffer)) }
    }
    if let result { return try result.get() }
    try bytes(of: Array(value))
  }

  private func bytes(of array: [UInt8]) throws(FormatError) {
    let result: Result<Void, FormatError> = array.withUnsafeBytes { buffer in
      Result { () throws(FormatError) in try put(buffer) }
    }
    try result.get()
  }

  /// Writes a field with a tensor's elements, as in `raw_data`.
  func elements(_ number: UInt32, of tensor: Tensor) throws(FormatError) {
    let size = tensor.elementType.bytesInFile(tensor.count) ?? 0
    try put(tag: number, length: size)
    try put(size: size) { () throws(FormatError) in
      try tensor.forEachPackedPiece { (piece) throws(FormatError) in try put(piece) }
    }
  }

  /// Whether the tensor's elements are written to the external file.
  func isExternal(_ tensor: Tensor) -> Bool {
    guard let external, let size = tensor.elementType.bytesInFile(tensor.count) else {
      return false
    }
    // Short lists of integers can be shapes, which readers need before they open external data.
    let isShape = tensor.elementType == .int64 && tensor.shape.count <= 1 && size < 1024
    return size > 0 && size >= external.threshold && !isShape
  }

  /// Writes the elements to the external file.
  /// - Returns: their place in that file, in bytes.
  func externalElements(of tensor: Tensor) throws(FormatError) -> (offset: Int, length: Int) {
    let size = tensor.elementType.bytesInFile(tensor.count) ?? 0
    let offset = (externalOffset + Self.alignment - 1) / Self.alignment * Self.alignment
    if case .counting = output {
    } else if let externalFile {
      let padding = [UInt8](repeating: 0, count: offset - externalOffset)
      let result: Result<Void, FormatError> = padding.withUnsafeBytes { bytes in
        Result { () throws(FormatError) in try externalFile.write(bytes) }
      }
      try result.get()
      try tensor.forEachPackedPiece { (piece) throws(FormatError) in try externalFile.write(piece) }
    }
    externalOffset = offset + size
    return (offset, size)
  }
}
