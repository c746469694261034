import Glibc

extension Tensor {
  /// A tensor of elements that somebody else's memory holds, without a copy where possible.
  ///
  /// Kernels check integers and booleans and then use them as indices, sizes and conditions, so nobody
  /// may change them in between: these are copied. So are elements in places that kernels cannot read:
  /// unaligned, or with the end of a page of memory less than a vector behind them.
  /// - Parameters:
  ///   - start: the first element; elements of less than 8 bits take a byte each
  ///   - owner: keeps the memory valid until it is freed
  /// - Throws: `TensorError.shape` for a negative size or more elements than can be; `.outOfMemory`;
  ///   `.elementType` for strings, which have no memory in common with other libraries.
  package init(
    borrowing start: UnsafeRawPointer, of elementType: ElementType, shape: [Int], owner: AnyObject
  ) throws(TensorError) {
    guard elementType != .string, elementType != .undefined else {
      throw .elementType(is: elementType, wanted: .uint8)
    }
    guard let count = shape.elementCount else { throw .shape(shape) }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: elementType.stride)
    if overflow { throw .outOfMemory(bytes: .max) }
    if TensorStorage.canBorrow(start, bytes, elementType) {
      let storage = TensorStorage(
        borrowing: UnsafeMutableRawPointer(mutating: start), byteCount: bytes, owner: owner)
      self.init(storage, of: elementType, shape: shape)
    } else {
      self = try Tensor(uninitialized: elementType, shape: shape)
      storage.copyElements(from: start, elementType)
    }
  }
}

extension TensorStorage {
  /// Whether kernels can read elements where they are.
  package static func canBorrow(
    _ start: UnsafeRawPointer, _ byteCount: Int, _ elementType: ElementType
  ) -> Bool {
    switch elementType {
    case .bool, .int32, .int64, .int4, .uint4, .int2, .uint2, .float4e2m1, .float6e2m3, .float6e3m2:
      return false
    default:
      return byteCount > 0 && canLoadVectors(start, byteCount, elementType)
    }
  }

  /// Whether elements are aligned and the margin behind them is in the last one's page of memory.
  package static func canLoadVectors(
    _ start: UnsafeRawPointer, _ byteCount: Int, _ elementType: ElementType
  ) -> Bool {
    let first = Int(bitPattern: start)
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let (end, overflow) = first.addingReportingOverflow(byteCount + margin)
    guard !overflow, first % max(1, elementType.stride) == 0 else { return false }
    return (end - 1) / page == (end - margin - 1) / page
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
