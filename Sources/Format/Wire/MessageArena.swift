internal import COnnx

/// The memory of one message while protobuf-c unpacks or packs it. It is allocated from blocks, one
/// piece after another, and freed all at once.
final class MessageArena {
  private var blocks: [UnsafeMutableRawBufferPointer] = []
  private var used = 0
  private var total = 0
  /// The number of bytes that can be allocated until `reset`.
  var limit = Int.max
  /// Whether an allocation failed because of the limit.
  private(set) var isExceeded = false
  private static let blockSize = 64 << 10

  deinit { for block in blocks { block.deallocate() } }

  /// Allocates memory.
  /// - Returns: memory aligned to 16 bytes; `nil` beyond the limit.
  func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
    guard size >= 0, size <= limit - total else {
      isExceeded = true
      return nil
    }
    let rounded = (size + 15) & ~15
    if blocks.isEmpty || used + rounded > blocks[blocks.count - 1].count {
      blocks.append(
        .allocate(byteCount: max(rounded, Self.blockSize), alignment: 16))
      used = 0
    }
    let pointer = blocks[blocks.count - 1].baseAddress.map { $0 + used }
    used += rounded
    total += rounded
    return pointer
  }

  /// Frees all memory, but keeps the first block for later allocations.
  func reset() {
    while blocks.count > 1 { blocks.removeLast().deallocate() }
    used = 0
    total = 0
    isExceeded = false
  }

  /// Calls `body` with an allocator for protobuf-c that allocates here and never frees.
  func withAllocator<R>(_ body: (UnsafeMutablePointer<ProtobufCAllocator>) -> R) -> R {
    var allocator = ProtobufCAllocator(
      alloc: { data, size in
        guard let data else { return nil }
        return Unmanaged<MessageArena>.fromOpaque(data).takeUnretainedValue()
          .allocate(Int(clamping: size))
      },
      free: { _, _ in },
      allocator_data: Unmanaged.passUnretained(self).toOpaque())
    return body(&allocator)
  }
}
