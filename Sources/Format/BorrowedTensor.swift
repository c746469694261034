extension Tensor {
  /// A tensor over memory that the caller owns, without a copy. The elements must not change before
  /// `deallocator` is called.
  ///
  /// ```swift
  /// let tensor = try Tensor(bytesNoCopy: bytes, .float32, shape: [1, 3, 224, 224]) { bytes in
  ///   bytes.deallocate()
  /// }
  /// ```
  ///
  /// Kernels read whole vectors, up to 64 bytes more than the elements. The elements are therefore
  /// copied where this could read another page of memory: if they end less than 64 bytes before the end
  /// of a page, and `bytes` before the end of a vector. They are also copied if they are not aligned for
  /// their type.
  ///
  /// - Parameters:
  ///   - bytes: the elements in row-major order, and possibly more. Elements of less than 8 bits take a
  ///     byte each; those of `bool` are 0 or 1
  ///   - elementType: the type of the elements, other than `string`
  ///   - deallocator: called once, when no tensor uses the memory any more; on any thread
  /// - Throws: `TensorError.elementType` for strings; `.shape` for a negative size or more elements than
  ///   can be, `.count` for too few bytes, `.outOfMemory`. The memory then still belongs to the caller.
  public init(
    bytesNoCopy bytes: UnsafeRawBufferPointer, _ elementType: ElementType, shape: [Int],
    deallocator: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
  ) throws(TensorError) {
    guard elementType != .string, elementType != .undefined else {
      throw .elementType(is: elementType, wanted: .uint8)
    }
    guard let count = shape.elementCount else { throw .shape(shape) }
    let size = count * elementType.stride
    guard size <= bytes.count else { throw .count(bytes.count / elementType.stride, shape: shape) }
    guard let storage = TensorStorage(bytes, size: size, elementType, deallocator) else {
      self = try Tensor(uninitialized: elementType, shape: shape)
      if let start = bytes.baseAddress {
        self.storage.pointer.copyMemory(from: start, byteCount: size)
      }
      deallocator(bytes)
      return
    }
    self.init(storage, of: elementType, shape: shape)
  }
}

extension Tensor {
  /// A copy of elements in memory of another owner. Bits that no element of the type has are cleared.
  /// - Throws: `TensorError.shape`, `.outOfMemory`; `.elementType` for strings.
  package init(
    copying start: UnsafeRawPointer, _ elementType: ElementType, shape: [Int]
  ) throws(TensorError) {
    guard elementType != .string, elementType != .undefined else {
      throw .elementType(is: elementType, wanted: .uint8)
    }
    self = try Tensor(uninitialized: elementType, shape: shape)
    storage.copyElements(from: start, elementType)
  }
}

extension TensorStorage {
  /// The smallest page of the platforms that Swift runs on.
  private static let pageSize = 4096

  /// Memory of another owner; `nil` if kernels cannot read whole vectors from it.
  fileprivate convenience init?(
    _ bytes: UnsafeRawBufferPointer, size: Int, _ elementType: ElementType,
    _ deallocator: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
  ) {
    guard let start = bytes.baseAddress, Self.isReadable(bytes, size: size, elementType) else {
      return nil
    }
    self.init(borrowing: bytes, at: start, byteCount: size, deallocator)
  }

  /// Whether kernels can read whole vectors of the elements in memory of another owner.
  package static func isReadable(
    _ bytes: UnsafeRawBufferPointer, size: Int, _ elementType: ElementType
  ) -> Bool {
    guard let start = bytes.baseAddress, size > 0 else { return false }
    let address = UInt(bitPattern: start)
    let last = address + UInt(size) - 1
    let alignment = UInt(min(elementType.stride, MemoryLayout<UInt64>.alignment))
    let page = UInt(Self.pageSize)
    return address % alignment == 0
      && (bytes.count - size >= Self.margin || last / page == (last + UInt(Self.margin)) / page)
  }

  /// Copies all elements from memory that may hold bits which no element has: booleans other than 0
  /// and 1, and bits beyond those of elements of less than 8.
  package func copyElements(from start: UnsafeRawPointer, _ elementType: ElementType) {
    pointer.copyMemory(from: start, byteCount: byteCount)
    let bytes = UnsafeMutableRawBufferPointer(start: pointer, count: byteCount)
    func narrow(_ body: (UInt8) -> UInt8) {
      for index in bytes.indices { bytes[index] = body(bytes[index]) }
    }
    switch elementType {
    case .bool: narrow { $0 == 0 ? 0 : 1 }
    case .int4: narrow { UInt8(bitPattern: Int4(truncating: $0).rawValue) }
    case .int2: narrow { UInt8(bitPattern: Int2(truncating: $0).rawValue) }
    case .uint4, .float4e2m1: narrow { $0 & 0x0F }
    case .uint2: narrow { $0 & 0x03 }
    case .float6e2m3, .float6e3m2: narrow { $0 & 0x3F }
    default: break
    }
  }
}

extension ElementType {
  /// Whether kernels rely on elements that nobody changes: they check integers and booleans and then use
  /// them as indices, sizes and conditions, and expect no other bits than those of an element. Elements
  /// that somebody else may write to during a run are copied then.
  package var isChecked: Bool {
    switch self {
    case .bool, .int32, .int64, .int4, .uint4, .int2, .uint2, .float4e2m1, .float6e2m3, .float6e3m2:
      true
    default: false
    }
  }
}
