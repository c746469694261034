import ONNX

/// A dataset of numbers, of which the header is read and the elements are not.
struct HDF5Dataset: Sendable {
  let type: HDF5Type
  let shape: [Int]
  /// The bytes of all elements.
  let byteCount: Int
  let layout: HDF5Layout
  private let filters: HDF5Filters
  private let fill: [UInt8]
  private let source: HDF5Source
  private let base: Int
  private let sizes: (address: Int, length: Int)

  init(_ object: HDF5Object, _ reader: HDF5Reader) throws(FormatError) {
    source = reader.source
    base = reader.base
    sizes = (reader.addressSize, reader.lengthSize)
    guard object.message(.external) == nil else {
      throw FormatError(.unsupported("HDF5 datasets in other files"))
    }
    type = try HDF5Type(reader.cursor(object.required(.datatype, "type")))
    shape = try Self.shape(reader.cursor(object.required(.dataspace, "shape")))
    guard let count = shape.elementCount,
      case let (bytes, overflow) = count.multipliedReportingOverflow(by: type.elementType.stride),
      !overflow, bytes < 1 << 56
    else { throw FormatError(.limit("the shape \(shape) is too large")) }
    byteCount = bytes
    layout = try HDF5Layout(
      reader.cursor(object.required(.layout, "layout")), shape: shape,
      elementSize: type.elementType.stride)
    filters = try HDF5Filters(object.message(.filters).map(reader.cursor))
    fill = try Self.fill(object, reader, size: type.elementType.stride)
    if case .contiguous(let address?, let size) = layout {
      guard size >= byteCount || byteCount == 0, address <= source.count - base,
        byteCount <= source.count - base - address
      else {
        throw FormatError(
          .invalid("its \(byteCount) bytes at \(address + base) are not within the file"))
      }
    }
    if case .compact(let bytes) = layout, bytes.count < byteCount {
      throw FormatError(.invalid("\(bytes.count) bytes do not fill the shape \(shape)"))
    }
  }

  /// The sizes of a dataspace message. A scalar has none.
  static func shape(_ message: HDF5Cursor) throws(FormatError) -> [Int] {
    var cursor = message
    let version = try cursor.int(1)
    let rank = try cursor.int(1)
    _ = try cursor.int(1)
    guard version == 1 || version == 2, rank <= 32 else {
      throw FormatError(.invalid("a shape has version \(version) and rank \(rank)"))
    }
    let kind = try cursor.int(1)
    if version == 2, kind == 2 { return [0] }
    if version == 1 { try cursor.skip(4) }
    var shape: [Int] = []
    for _ in 0..<rank { shape.append(try cursor.length()) }
    return shape
  }

  /// The bytes of an element that is not stored; empty for zero.
  private static func fill(
    _ object: HDF5Object, _ reader: HDF5Reader, size: Int
  ) throws(FormatError) -> [UInt8] {
    guard let message = object.message(.fill) else { return [] }
    var cursor = reader.cursor(message)
    let version = try cursor.int(1)
    if version < 3 {
      try cursor.skip(2)
      guard try cursor.int(1) == 1 else { return [] }
    } else {
      guard try cursor.int(1) & 0x20 != 0 else { return [] }
    }
    guard try cursor.int(4) == size else { return [] }
    return Array(try cursor.take(size))
  }

  /// Reads the elements.
  /// - Throws: `FormatError` for damaged data
  func tensor() throws(FormatError) -> Tensor {
    let result = try Tensor.allocate(type.elementType, shape)
    guard byteCount > 0 else { return result }
    let target = result.storage.pointer
    switch layout {
    case .compact(let bytes):
      bytes.withUnsafeBytes { from in
        if let start = from.baseAddress { target.copyMemory(from: start, byteCount: byteCount) }
      }
    case .contiguous(let address?, _):
      try source.read(byteCount, at: address + base, into: target)
    case .contiguous(nil, _): put(fill, into: target)
    case .chunked(let grid):
      let reader = HDF5Reader(source, base: base, sizes: sizes)
      let chunks = try grid.chunks(reader, isFiltered: !filters.isEmpty)
      if chunks.count < grid.count { put(fill, into: target) }
      for chunk in chunks {
        var bytes = try reader.bytes(chunk.size, at: chunk.address)
        bytes = try filters.decoded(
          bytes, skipping: chunk.mask, size: grid.byteCount, elementSize: type.elementType.stride)
        guard bytes.count == grid.byteCount else {
          throw FormatError(
            .invalid("a chunk has \(bytes.count) bytes instead of \(grid.byteCount)"))
        }
        grid.copy(bytes, of: chunk.offset, into: target)
      }
    }
    if type.isBigEndian { result.swapBytes(type.elementType.stride) }
    result.unpackInPlace()
    return result
  }

  private func put(_ element: [UInt8], into target: UnsafeMutableRawPointer) {
    guard !element.allSatisfy({ $0 == 0 }) else {
      target.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
      return
    }
    element.withUnsafeBytes { from in
      guard let start = from.baseAddress else { return }
      for offset in stride(from: 0, to: byteCount, by: from.count) {
        (target + offset).copyMemory(from: start, byteCount: from.count)
      }
    }
  }
}
