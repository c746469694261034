internal import COnnx

/// Reads protobuf messages into the IR.
///
/// Each message is read once, field by field. Its submessages, long lists and payloads are read
/// directly from the source. The other fields are copied and unpacked by protobuf-c, and the unpacked
/// message is freed before the next one: only one small message at a time exists twice in memory.
final class MessageReader {
  let source: ByteSource
  let options: ReadingOptions
  var budget: MemoryBudget
  let externalData: ExternalData?
  let deferred = DeferredReads()

  private var rest: [UInt8] = []
  private let arena = MessageArena()
  private var depth = 0

  init(
    _ source: ByteSource, options: ReadingOptions, externalFolders: [String]
  ) {
    self.source = source
    self.options = options
    self.budget = MemoryBudget(
      limit: options.limits.memoryLimit(fileSize: source.count), most: options.limits.mostMemory)
    let folders = options.externalFolders.isEmpty ? externalFolders : options.externalFolders
    self.externalData = folders.isEmpty ? nil : ExternalData(folders: folders, options: options)
  }

  /// Checks the message that fills the source, and then reads it.
  func readWhole<M: CMessage, R>(
    _ message: M.Type, _ read: (Range<Int>) throws(FormatError) -> R
  ) throws(FormatError) -> R {
    try Scan.check(message, in: source, limits: options.limits, budget: &budget)
    let result = try read(0..<source.count)
    try deferred.finish(threads: options.threads)
    return result
  }

  /// Reads the message at `range`.
  /// - Parameters:
  ///   - apart: reads a field directly, or returns `false` to have protobuf-c unpack it; called in order
  ///     for each field that the standard defines.
  ///   - takeOver: receives the unpacked message of the remaining fields. It must not read another
  ///     message.
  func read<M: CMessage, R>(
    _ message: M.Type, _ range: Range<Int>,
    apart: (WireField) throws(FormatError) -> Bool = { _ in false },
    takeOver: (M) throws(FormatError) -> R
  ) throws(FormatError) -> R {
    guard depth < options.limits.nesting else {
      throw FormatError(.limit("messages are nested deeper than \(options.limits.nesting)"))
    }
    depth += 1
    let begin = rest.count
    defer {
      depth -= 1
      rest.removeLast(rest.count - begin)
    }

    let descriptor = M.descriptor
    var position = range.lowerBound
    var copied = position
    while position < range.upperBound {
      let field = try source.field(at: &position, end: range.upperBound)
      let isTaken = descriptor.field(field.number) == nil ? true : try apart(field)
      if isTaken {
        try source.append(copied..<field.start, to: &rest)
        copied = position
      }
    }
    try source.append(copied..<position, to: &rest)

    arena.limit = budget.remaining
    defer { arena.reset() }
    let unpacked = rest.withUnsafeBytes { bytes in
      arena.withAllocator { allocator in
        protobuf_c_message_unpack(
          descriptor, allocator, bytes.count - begin,
          bytes.baseAddress.map { ($0 + begin).assumingMemoryBound(to: UInt8.self) })
      }
    }
    guard let unpacked else {
      if arena.isExceeded { throw budget.exceeded }
      throw FormatError(
        .malformed("\(descriptor.name) cannot be unpacked", offset: range.lowerBound))
    }
    return try takeOver(UnsafeRawPointer(unpacked).assumingMemoryBound(to: M.self).pointee)
  }
}

extension UnsafeMutablePointer<CChar>? {
  /// The text of a field; `nil` if the message lacks the field.
  var string: String? { map { String(cString: $0) } }
}

/// The elements of a repeated field.
func list<T>(_ start: UnsafeMutablePointer<T>?, _ count: Int) -> UnsafeMutableBufferPointer<T> {
  UnsafeMutableBufferPointer(start: start, count: start == nil ? 0 : count)
}

/// The texts of a repeated field.
func strings(_ start: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ count: Int)
  -> [String]
{
  list(start, count).map { $0.string ?? "" }
}

/// The messages of a repeated field.
func messages<M>(_ start: UnsafeMutablePointer<UnsafeMutablePointer<M>?>?, _ count: Int) -> [M] {
  list(start, count).compactMap { $0?.pointee }
}
