/// A multidimensional array of elements of one type, in row-major order. Its elements never change.
///
/// ```swift
/// let x: Tensor = [[1.5, 2], [3, 4]]                      // float32[2,2]
/// let y = try x.transposed().softmax(axis: -1)
/// print(y[0, ..<1], try y.argmax(axis: 1).array(as: Int64.self))
/// try y.writeNPY(to: "y.npy")
/// let z = try Tensor(npyContentsOf: "y.npy")
/// ```
///
/// `import ONNX` adds literals, slices, arithmetic and other operations to the ones here.
///
/// - Files: `init(npyContentsOf:options:)` and `writeNPY(to:)` read and write NumPy's `.npy` files,
///   `NPZ.read(_:options:)` and `NPZ.write(_:to:compressed:)` archives of them (`.npz`).
/// - Elements: `array(as:)` copies them, `elements(as:)`, `withSpan(as:_:)` and `withUnsafeBytes(_:)` do
///   not. `init(bytesNoCopy:_:shape:deallocator:)` takes memory of another owner.
public struct Tensor: Sendable {
  /// The type of the elements.
  public let elementType: ElementType
  /// The size of each dimension, outermost first; empty for a scalar.
  public let shape: [Int]
  /// The memory of the elements. Only code that just created it may write to it.
  package private(set) var storage: TensorStorage
  /// The number of elements.
  public let count: Int

  /// A tensor of these elements, given in row-major order.
  /// - Precondition: `values.count` is the product of `shape`, and there is enough memory.
  public init<T: Element>(shape: [Int], _ values: [T]) {
    guard shape.elementCount == values.count,
      let tensor = try? Tensor(
        T.self, shape: shape,
        initializedBy: { buffer in
          for (index, value) in values.enumerated() { buffer[index] = value }
        })
    else {
      preconditionFailure(
        "\(values.count) values do not fill the shape \(shape), or there is not enough memory")
    }
    self = tensor
  }

  /// A tensor of rank 0 with one element.
  public init<T: Element>(_ value: T) { self.init(shape: [], [value]) }

  /// A tensor whose elements `body` writes.
  ///
  /// `body` must write all of them: the memory is uninitialised. Strings are the exception, which are
  /// empty at first.
  /// - Throws: `TensorError.outOfMemory`; `.shape` for a negative size or more elements than can be.
  public init<T: Element>(
    _ type: T.Type, shape: [Int],
    initializedBy body: (UnsafeMutableBufferPointer<T>) -> Void
  ) throws(TensorError) {
    self = try Tensor(uninitialized: T.elementType, shape: shape)
    body(
      UnsafeMutableBufferPointer(
        start: storage.pointer.assumingMemoryBound(to: T.self), count: count))
  }

  /// A tensor of uninitialised elements, or of empty strings. The caller writes all elements to
  /// `storage` before it hands the tensor on.
  /// - Throws: `TensorError.outOfMemory`; `.shape` for a negative size or more elements than can be.
  package init(uninitialized elementType: ElementType, shape: [Int]) throws(TensorError) {
    guard let count = shape.elementCount else { throw .shape(shape) }
    self.init(
      elementType: elementType, shape: shape,
      storage: try TensorStorage(elementType, count: count), count: count)
  }

  /// A tensor of zeros, or of empty strings.
  /// - Throws: `TensorError.outOfMemory`; `.shape` for a negative size or more elements than can be.
  package init(zeroed elementType: ElementType, shape: [Int]) throws(TensorError) {
    try self.init(uninitialized: elementType, shape: shape)
    guard elementType != .string else { return }
    storage.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: storage.byteCount)
  }

  /// A tensor of the elements in `storage`.
  /// - Precondition: there are as many as `shape` has.
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

  /// The same elements in another shape. The two tensors share their memory.
  /// - Parameter shape: the sizes; one of them may be -1 and then follows from the others
  /// - Throws: `TensorError.count` if the shape has another number of elements.
  public func reshaped(to shape: [Int]) throws(TensorError) -> Tensor {
    var sizes = shape
    if let open = shape.firstIndex(of: -1) {
      sizes.remove(at: open)
      if let rest = sizes.elementCount, rest > 0 { sizes.insert(count / rest, at: open) }
    }
    guard sizes.count == shape.count, sizes.elementCount == count else {
      throw .count(count, shape: shape)
    }
    return Tensor(elementType: elementType, shape: sizes, storage: storage, count: count)
  }

  /// A copy of the tensor with its own memory.
  /// - Throws: `TensorError.outOfMemory`.
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

  /// A copy of the elements, in row-major order.
  /// - Throws: `TensorError.elementType` if the elements are not of type `T`.
  public func array<T: Element>(as type: T.Type = T.self) throws(TensorError) -> [T] {
    guard elementType == T.elementType else {
      throw .elementType(is: elementType, wanted: T.elementType)
    }
    return elements(as: T.self).withUnsafeBufferPointer { Array($0) }
  }

  /// The elements, in row-major order, without a copy.
  /// - Precondition: the elements are of type `T`. `array(as:)` throws instead.
  public func elements<T: Element>(as type: T.Type = T.self) -> TensorElements<T> {
    precondition(
      elementType == T.elementType, "the tensor holds \(elementType), not \(T.elementType)")
    return TensorElements(storage, count: count)
  }

  /// The bits of the elements, each as a `T`, without a copy.
  /// - Precondition: `T` has the size of an element, and the elements are not strings.
  package func bits<T: BitwiseCopyable>(as type: T.Type) -> TensorElements<T> {
    precondition(
      MemoryLayout<T>.stride == elementType.stride && elementType != .string,
      "elements of \(elementType) have other bits than \(T.self)")
    return TensorElements(storage, count: count)
  }

  /// Calls `body` with the bytes of the elements, which are valid until it returns. Elements of less
  /// than 8 bits take a byte each.
  /// - Precondition: the elements are not strings.
  public func withUnsafeBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    precondition(elementType != .string, "strings have no bytes in common")
    return try body(UnsafeRawBufferPointer(start: storage.pointer, count: storage.byteCount))
  }

  /// Whether no other tensor shares the memory, nor another owner who keeps it from being written to.
  package mutating func hasUniqueStorage() -> Bool {
    isKnownUniquelyReferenced(&storage) && storage.isWritable
  }

  /// The element type and shape, as the type of a value in a graph.
  public var type: TensorType { TensorType(elementType, shape) }
}

extension Tensor: Equatable {
  /// Whether element types, shapes and elements are equal. Elements are compared bit by bit, so that a
  /// NaN equals itself and 0 does not equal -0; strings are compared as text.
  public static func == (a: Tensor, b: Tensor) -> Bool {
    guard a.elementType == b.elementType, a.shape == b.shape else { return false }
    if a.storage === b.storage { return true }
    if a.elementType == .string {
      return a.elements(as: String.self).elementsEqual(b.elements(as: String.self))
    }
    return a.withUnsafeBytes { x in b.withUnsafeBytes { y in x.elementsEqual(y) } }
  }
}
