import Glibc

/// The memory of a tensor, 64-byte aligned. It is freed with the last tensor that uses it.
///
/// `@unchecked Sendable`: only the code that creates it writes to it, and only before it hands it on.
@usableFromInline
package final class TensorStorage: @unchecked Sendable {
  /// The first byte.
  package let pointer: UnsafeMutableRawPointer
  /// The number of bytes that elements take.
  package let byteCount: Int
  private let stringCount: Int
  /// Returns memory of another owner.
  private let release: (@Sendable () -> Void)?
  /// Whether whoever holds the memory alone may write to it.
  package let isWritable: Bool

  /// Uninitialised memory.
  /// - Throws: `TensorError.outOfMemory`.
  package init(byteCount: Int) throws(TensorError) {
    self.pointer = try Self.allocate(byteCount)
    self.byteCount = byteCount
    self.stringCount = 0
    self.release = nil
    isWritable = true
  }

  /// Memory of another owner, who gets it back with the last use.
  /// - Parameters:
  ///   - bytes: the memory, with a first byte
  ///   - byteCount: the bytes that elements take
  ///   - isWritable: whether kernels may write to it
  package init(
    borrowing bytes: UnsafeRawBufferPointer, at start: UnsafeRawPointer, byteCount: Int,
    isWritable: Bool = false, _ deallocator: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
  ) {
    self.isWritable = isWritable
    pointer = UnsafeMutableRawPointer(mutating: start)
    self.byteCount = byteCount
    stringCount = 0
    nonisolated(unsafe) let bytes = bytes
    release = { deallocator(bytes) }
  }

  /// Memory for `count` elements: empty strings, or uninitialised bytes.
  /// - Throws: `TensorError.outOfMemory`.
  package init(_ elementType: ElementType, count: Int) throws(TensorError) {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: elementType.stride)
    if overflow || count < 0 { throw .outOfMemory(bytes: Int.max) }
    self.pointer = try Self.allocate(bytes)
    self.byteCount = bytes
    self.stringCount = elementType == .string ? count : 0
    self.release = nil
    isWritable = true
    if stringCount > 0 {
      pointer.bindMemory(to: String.self, capacity: count).initialize(repeating: "", count: count)
    }
  }

  /// Bytes after the elements: the size of a vector, so that kernels can load a partial last one.
  static let margin = 64

  private static func allocate(_ byteCount: Int) throws(TensorError) -> UnsafeMutableRawPointer {
    var pointer: UnsafeMutableRawPointer?
    let (size, overflow) = byteCount.addingReportingOverflow(margin)
    guard !overflow, posix_memalign(&pointer, 64, size) == 0, let pointer else {
      throw .outOfMemory(bytes: byteCount)
    }
    return pointer
  }

  /// Returns the whole pages to the system. Their contents become zeros.
  /// - Precondition: nobody reads the elements any more.
  package func discardContents() {
    guard stringCount == 0, release == nil else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = (Int(bitPattern: pointer) + page - 1) / page * page
    let end = (Int(bitPattern: pointer) + byteCount) / page * page
    if start < end {
      madvise(UnsafeMutableRawPointer(bitPattern: start), end - start, MADV_DONTNEED)
    }
  }

  deinit {
    if let release { return release() }
    if stringCount > 0 {
      pointer.assumingMemoryBound(to: String.self).deinitialize(count: stringCount)
    }
    free(pointer)
  }
}

/// An error in creating or reading a tensor.
public enum TensorError: Error, Sendable, Hashable {
  /// That many bytes of memory are not available.
  case outOfMemory(bytes: Int)
  /// The tensor has another element type than was asked for.
  case elementType(is: ElementType, wanted: ElementType)
  /// No tensor can have this shape: a size is negative, or there are too many elements.
  case shape([Int])
  /// That many elements do not fill the shape.
  case count(Int, shape: [Int])
  /// An index or a coordinate of a sparse tensor's element is out of range for its shape.
  case index(Int, shape: [Int])
  /// An operation that the tensors do not allow: its name, such as that of the standard's operator, and
  /// the reason.
  case operation(String, String)
}

extension TensorError: CustomStringConvertible {
  /// The error in one line.
  public var description: String {
    switch self {
    case .outOfMemory(let bytes): "not enough memory: \(bytes) bytes are needed"
    case .elementType(let type, let wanted): "the tensor holds \(type), not \(wanted)"
    case .shape(let shape):
      "no tensor can have the shape \(shape): a size is negative, or there are too many elements"
    case .count(let count, let shape): "\(count) elements do not fill the shape \(shape)"
    case .index(let index, let shape):
      "the index \(index) of a sparse element is out of range for the shape \(shape)"
    case .operation(let name, let reason): "\(name): \(reason)"
    }
  }
}
