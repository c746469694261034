/// The elements of a tensor, in row-major order. They share the tensor's memory and keep it alive.
public struct TensorElements<T>: RandomAccessCollection {
  @usableFromInline let storage: TensorStorage
  @usableFromInline let buffer: UnsafeBufferPointer<T>

  init(_ storage: TensorStorage, count: Int) {
    self.storage = storage
    buffer = UnsafeBufferPointer(
      start: storage.pointer.assumingMemoryBound(to: T.self), count: count)
  }

  /// 0.
  @inlinable public var startIndex: Int { 0 }
  /// The number of elements.
  @inlinable public var endIndex: Int { buffer.count }

  /// The element at that index.
  @inlinable public subscript(index: Int) -> T {
    withExtendedLifetime(storage) { buffer[index] }
  }

  /// Calls `body` with a pointer to the elements, which is valid until it returns.
  @inlinable public func withUnsafeBufferPointer<R, E: Error>(
    _ body: (UnsafeBufferPointer<T>) throws(E) -> R
  ) throws(E) -> R {
    try withExtendedLifetime(storage) { () throws(E) -> R in try body(buffer) }
  }

  /// Calls `body` with a pointer to the elements, which is valid until it returns.
  @inlinable public func withContiguousStorageIfAvailable<R>(
    _ body: (UnsafeBufferPointer<T>) throws -> R
  ) rethrows -> R? {
    try withUnsafeBufferPointer(body)
  }
}
