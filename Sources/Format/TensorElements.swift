/// The elements of a tensor where they lie, in row-major order. They keep their memory alive, so
/// they may outlive the tensor.
public struct TensorElements<T>: RandomAccessCollection {
  @usableFromInline let storage: TensorStorage
  @usableFromInline let buffer: UnsafeBufferPointer<T>

  init(_ storage: TensorStorage, count: Int) {
    self.storage = storage
    buffer = UnsafeBufferPointer(
      start: storage.pointer.assumingMemoryBound(to: T.self), count: count)
  }

  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { buffer.count }

  @inlinable public subscript(index: Int) -> T {
    withExtendedLifetime(storage) { buffer[index] }
  }

  /// Calls `body` with the elements, which are valid until it returns.
  @inlinable public func withUnsafeBufferPointer<R, E: Error>(
    _ body: (UnsafeBufferPointer<T>) throws(E) -> R
  ) throws(E) -> R {
    try withExtendedLifetime(storage) { () throws(E) -> R in try body(buffer) }
  }

  @inlinable public func withContiguousStorageIfAvailable<R>(
    _ body: (UnsafeBufferPointer<T>) throws -> R
  ) rethrows -> R? {
    try withUnsafeBufferPointer(body)
  }
}
