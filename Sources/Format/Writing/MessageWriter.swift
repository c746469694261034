/// Where a message goes: counted only, kept in memory, or to a file.
enum WireOutput {
  case counting
  case memory
  case file(OutputFile)
}

/// Writes messages field by field, submessages within them, in two passes of the same code: the
/// first finds the size of every submessage, the second writes each behind its size.
final class MessageWriter {
  private var output = WireOutput.counting
  private var count = 0
  /// Sizes of the submessages in the order they begin.
  private var sizes: [Int] = []
  private var next = 0
  private(set) var bytes: [UInt8] = []

  let arena = MessageArena()
  let external: ExternalDataOptions?
  private var externalOffset = 0
  private var externalFile: OutputFile?

  /// What protobuf's own readers take at most.
  private static let largestFile = Int(Int32.max)
  /// Tensors in external data begin at a multiple of this.
  private static let alignment = 64

  init(external: ExternalDataOptions?) { self.external = external }

  /// Runs `body` twice: to measure, then to write to `output`.
  func write(
    to output: WireOutput, externalFile: OutputFile? = nil,
    _ body: () throws(FormatError) -> Void
  ) throws(FormatError) {
    try body()
    guard count <= Self.largestFile else {
      throw FormatError(
        .invalid(
          "\(count) bytes are more than a protobuf file can hold (\(Self.largestFile)); "
            + "external data takes the tensors out of it"))
    }
    self.output = output
    self.externalFile = externalFile
    if case .memory = output { bytes.reserveCapacity(count) }
    externalOffset = 0
    try body()
  }

  func put(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    switch output {
    case .counting: count += bytes.count
    case .memory: self.bytes.append(contentsOf: bytes)
    case .file(let file): try file.write(bytes)
    }
  }

  /// `size` bytes that `fill` writes in as many calls as it likes, not at all when only counting.
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

  /// A field that holds a message, which `body` writes.
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

  /// A field that holds text or bytes.
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

  /// A field that holds a tensor's elements as `raw_data`.
  func elements(_ number: UInt32, of tensor: Tensor) throws(FormatError) {
    let size = tensor.elementType.bytesInFile(tensor.count) ?? 0
    try put(tag: number, length: size)
    try put(size: size) { () throws(FormatError) in
      try tensor.forEachPackedPiece { (piece) throws(FormatError) in try put(piece) }
    }
  }

  /// Whether that tensor's elements go to the external file.
  func isExternal(_ tensor: Tensor) -> Bool {
    guard let external, let size = tensor.elementType.bytesInFile(tensor.count) else {
      return false
    }
    // Readers infer shapes by short lists of integers, and do so before they open other files.
    let isShape = tensor.elementType == .int64 && tensor.shape.count <= 1 && size < 1024
    return size > 0 && size >= external.threshold && !isShape
  }

  /// Writes the elements to the external file.
  /// - Returns: where they begin there, and how many bytes they take.
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
