/// An array of elements of one type with a shape, in row-major order. A value: it never changes.
public struct Tensor: Sendable {
  public let elementType: ElementType
  /// Sizes of the dimensions; empty for a scalar.
  public let shape: [Int]
  /// The elements' memory. Only the creator of a tensor that nobody else has seen may write to it.
  public private(set) var storage: TensorStorage
  /// Number of elements.
  public let count: Int

  /// A tensor with these elements, in row-major order.
  /// - Precondition: `values.count` is the product of `shape`.
  public init<T: Element>(shape: [Int], _ values: [T]) {
    guard shape.elementCount == values.count,
      let tensor = try? Tensor(
        T.self, shape: shape,
        initializedBy: { buffer in
          for (index, value) in values.enumerated() { buffer[index] = value }
        })
    else {
      preconditionFailure("\(values.count) values do not fill a tensor of shape \(shape)")
    }
    self = tensor
  }

  /// A scalar: a tensor of rank 0.
  public init<T: Element>(_ value: T) { self.init(shape: [], [value]) }

  /// A tensor whose elements `body` writes into memory that holds nothing yet (strings: empty).
  /// - Throws: `TensorError.outOfMemory`, and `.count` for a shape that no tensor can have.
  public init<T: Element>(
    _ type: T.Type, shape: [Int],
    initializedBy body: (UnsafeMutableBufferPointer<T>) -> Void
  ) throws(TensorError) {
    self = try Tensor(uninitialized: T.elementType, shape: shape)
    body(
      UnsafeMutableBufferPointer(
        start: storage.pointer.assumingMemoryBound(to: T.self), count: count))
  }

  /// A tensor whose memory the caller fills before anybody else sees it (strings are empty).
  /// - Throws: `TensorError.outOfMemory`, and `.count` for a shape that no tensor can have.
  public init(uninitialized elementType: ElementType, shape: [Int]) throws(TensorError) {
    guard let count = shape.elementCount else { throw .count(0, shape: shape) }
    self.init(
      elementType: elementType, shape: shape,
      storage: try TensorStorage(elementType, count: count), count: count)
  }

  /// Elements that lie in memory already.
  /// - Precondition: there are as many as the shape has.
  package init(_ storage: TensorStorage, of elementType: ElementType, shape: [Int]) {
    self.init(
      elementType: elementType, shape: shape, storage: storage, count: shape.elementCount ?? 0)
  }

  private init(elementType: ElementType, shape: [Int], storage: TensorStorage, count: Int) {
    self.elementType = elementType
    self.shape = shape
    self.storage = storage
    self.count = count
  }

  /// The same memory under another shape.
  /// - Throws: `TensorError.count` where the shape has another number of elements.
  public func reshaped(to shape: [Int]) throws(TensorError) -> Tensor {
    guard shape.elementCount == count else { throw .count(count, shape: shape) }
    return Tensor(elementType: elementType, shape: shape, storage: storage, count: count)
  }

  /// The same elements in memory of its own.
  /// - Throws: `TensorError.outOfMemory`
  public func copied() throws(TensorError) -> Tensor {
    let copy = try Tensor(uninitialized: elementType, shape: shape)
    if elementType == .string {
      let strings = copy.storage.pointer.assumingMemoryBound(to: String.self)
      for (index, string) in elements(as: String.self).enumerated() { strings[index] = string }
    } else {
      copy.storage.pointer.copyMemory(from: storage.pointer, byteCount: storage.byteCount)
    }
    return copy
  }

  /// The elements in row-major order.
  /// - Throws: `TensorError.elementType` where `T` is not the tensor's.
  public func array<T: Element>(as type: T.Type = T.self) throws(TensorError) -> [T] {
    guard elementType == T.elementType else {
      throw .elementType(is: elementType, wanted: T.elementType)
    }
    return Array(elements(as: T.self))
  }

  /// The elements where they lie.
  /// - Precondition: `T` is the type of the elements, or one of the same size and layout.
  public func elements<T>(as type: T.Type) -> TensorElements<T> {
    precondition(MemoryLayout<T>.stride == elementType.stride)
    return TensorElements(storage, count: count)
  }

  /// Calls `body` with the bytes of the elements.
  /// - Precondition: the elements are not strings.
  public func withUnsafeBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    precondition(elementType != .string)
    return try body(UnsafeRawBufferPointer(start: storage.pointer, count: storage.byteCount))
  }

  /// Whether no other tensor shares the memory.
  public mutating func hasUniqueStorage() -> Bool { isKnownUniquelyReferenced(&storage) }

  /// Element type and shape as a type of the graph.
  public var type: TensorType { TensorType(elementType, shape) }
}

extension Tensor: Equatable {
  /// Same element type, same shape, and the same bytes (so a NaN equals itself) or strings.
  public static func == (a: Tensor, b: Tensor) -> Bool {
    guard a.elementType == b.elementType, a.shape == b.shape else { return false }
    if a.storage === b.storage { return true }
    if a.elementType == .string {
      return a.elements(as: String.self).elementsEqual(b.elements(as: String.self))
    }
    return a.withUnsafeBytes { x in b.withUnsafeBytes { y in x.elementsEqual(y) } }
  }
}

extension Tensor: CustomStringConvertible {
  public var description: String { type.description }
}
