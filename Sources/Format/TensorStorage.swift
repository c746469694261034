import Glibc

/// The memory of a tensor, 64-byte aligned unless it is borrowed. It is freed with the last tensor that
/// uses it.
///
/// `@unchecked Sendable`: only the code that creates it writes to it, and only before it hands it on.
@usableFromInline
package final class TensorStorage: @unchecked Sendable {
  /// The first byte.
  package let pointer: UnsafeMutableRawPointer
  /// The number of bytes that elements take.
  package let byteCount: Int
  private let stringCount: Int
  /// The owner of memory that is not the storage's own.
  private let owner: AnyObject?

  /// Uninitialised memory.
  /// - Throws: `TensorError.outOfMemory`.
  package init(byteCount: Int) throws(TensorError) {
    self.pointer = try Self.allocate(byteCount)
    self.byteCount = byteCount
    self.stringCount = 0
    self.owner = nil
  }

  /// Memory that `owner` keeps valid and frees.
  /// - Precondition: it is aligned to the elements, and the bytes of `margin` behind it are readable.
  package init(borrowing pointer: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject) {
    self.pointer = pointer
    self.byteCount = byteCount
    self.stringCount = 0
    self.owner = owner
  }

  /// Memory for `count` elements: empty strings, or uninitialised bytes.
  /// - Throws: `TensorError.outOfMemory`.
  package init(_ elementType: ElementType, count: Int) throws(TensorError) {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: elementType.stride)
    if overflow || count < 0 { throw .outOfMemory(bytes: Int.max) }
    self.pointer = try Self.allocate(bytes)
    self.byteCount = bytes
    self.stringCount = elementType == .string ? count : 0
    self.owner = nil
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
    guard stringCount == 0, owner == nil else { return }
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
    if owner == nil { free(pointer) }
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
    }
  }
}
