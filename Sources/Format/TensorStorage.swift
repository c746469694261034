import Glibc

/// The memory of one tensor: 64-byte aligned, freed with the last tensor that uses it.
///
/// Whoever creates it may write until it is shared; a `Tensor` that others can see never changes.
public final class TensorStorage: @unchecked Sendable {
  public let pointer: UnsafeMutableRawPointer
  public let byteCount: Int
  private let stringCount: Int

  /// Uninitialised memory.
  /// - Throws: `TensorError.outOfMemory`
  public init(byteCount: Int) throws(TensorError) {
    self.pointer = try Self.allocate(byteCount)
    self.byteCount = byteCount
    self.stringCount = 0
  }

  /// Memory for `count` elements: empty strings, else uninitialised bytes.
  /// - Throws: `TensorError.outOfMemory`
  public init(_ elementType: ElementType, count: Int) throws(TensorError) {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: elementType.stride)
    if overflow || count < 0 { throw .outOfMemory(bytes: Int.max) }
    self.pointer = try Self.allocate(bytes)
    self.byteCount = bytes
    self.stringCount = elementType == .string ? count : 0
    if stringCount > 0 {
      pointer.bindMemory(to: String.self, capacity: count).initialize(repeating: "", count: count)
    }
  }

  /// Bytes behind the elements: one vector, so that kernels can read a last partial one whole.
  static let margin = 64

  private static func allocate(_ byteCount: Int) throws(TensorError) -> UnsafeMutableRawPointer {
    var pointer: UnsafeMutableRawPointer?
    let (size, overflow) = byteCount.addingReportingOverflow(margin)
    guard !overflow, posix_memalign(&pointer, 64, size) == 0, let pointer else {
      throw .outOfMemory(bytes: byteCount)
    }
    return pointer
  }

  /// Gives whole pages back to the system; their contents are zeros from now on.
  ///
  /// For whoever alone knows that nobody reads the elements any more.
  public func discardContents() {
    guard stringCount == 0 else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = (Int(bitPattern: pointer) + page - 1) / page * page
    let end = (Int(bitPattern: pointer) + byteCount) / page * page
    if start < end {
      madvise(UnsafeMutableRawPointer(bitPattern: start), end - start, MADV_DONTNEED)
    }
  }

  deinit {
    if stringCount > 0 {
      pointer.assumingMemoryBound(to: String.self).deinitialize(count: stringCount)
    }
    free(pointer)
  }
}

/// What can be wrong with a tensor, as data.
public enum TensorError: Error, Sendable, Hashable {
  case outOfMemory(bytes: Int)
  case elementType(is: ElementType, wanted: ElementType)
  /// `count` elements do not fill `shape`.
  case count(Int, shape: [Int])
}

extension TensorError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .outOfMemory(let bytes): "no memory for \(bytes) bytes"
    case .elementType(let type, let wanted): "the tensor holds \(type), not \(wanted)"
    case .count(let count, let shape): "\(count) elements do not fill the shape \(shape)"
    }
  }
}
