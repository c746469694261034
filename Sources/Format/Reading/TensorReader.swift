internal import COnnx

extension MessageReader {
  /// The fields of a `TensorProto` other than its elements.
  private struct Header {
    var named: (name: String?, docString: String?, segment: TensorSegment?)
    var dims: [Int64]
    var type: Int32?
    var isExternal: Bool
    var external: [MetadataEntry]
    var metadata: [MetadataEntry]

    init(_ message: Onnx__TensorProto) {
      let segment = message.segment.map { segment in
        TensorSegment(
          begin: segment.pointee.has_begin != 0 ? segment.pointee.begin : nil,
          end: segment.pointee.has_end != 0 ? segment.pointee.end : nil)
      }
      named = (message.name.string, message.doc_string.string, segment)
      dims = Array(list(message.dims, message.n_dims))
      type = message.has_data_type != 0 ? message.data_type : nil
      isExternal = message.data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL
      external = messages(message.external_data, message.n_external_data).map(MetadataEntry.init)
      metadata = messages(message.metadata_props, message.n_metadata_props).map(
        MetadataEntry.init)
    }
  }

  func tensor(_ range: Range<Int>) throws(FormatError) -> NamedTensor {
    var payload = TensorPayload(message: range)
    let header = try read(
      Onnx__TensorProto.self, range,
      apart: { (field) throws(FormatError) in try payload.take(field) },
      takeOver: { Header($0) })
    do throws(FormatError) {
      var named = NamedTensor(header.named.name, try tensor(header, payload))
      named.docString = header.named.docString
      named.segment = header.named.segment
      named.metadata = header.metadata
      return named
    } catch {
      throw error.within(header.named.name.map { "tensor \($0.quoted)" } ?? "a tensor")
    }
  }

  private func tensor(_ header: Header, _ payload: TensorPayload) throws(FormatError) -> Tensor {
    guard let number = header.type, number != 0 else {
      throw FormatError(.invalid("it has no element type"))
    }
    let type = try ElementType(number: number)
    let shape = try shape(header.dims)
    guard let count = shape.elementCount else {
      throw FormatError(.invalid("the shape \(shape) has too many elements"))
    }

    if header.isExternal {
      guard payload.isEmpty else {
        throw FormatError(.invalid("it has elements both in external data and in the model's file"))
      }
      return try externalTensor(
        type, shape, count, ExternalRange(header.external), name: header.named.name)
    }
    switch try payload.content(type) {
    case .raw(let range):
      try check(bytes: range.count, for: type, count, shape)
      if let file = source.file, isDeferred(type, range.count) {
        let tensor = try allocate(type, shape)
        deferred.append(
          file, at: range.lowerBound, count: range.count, into: tensor.storage,
          name: header.named.name)
        return tensor
      }
      return try fill(type, shape) { (target, size) throws(FormatError) in
        try source.read(range.lowerBound..<range.lowerBound + size, into: target)
      }
    case .typed(let field): return try typedTensor(payload.message, field, type, shape, count)
    case .strings:
      guard payload.stringCount == count else {
        throw FormatError(
          .invalid("\(payload.stringCount) strings do not fill the shape \(shape)"))
      }
      return try stringTensor(payload.message, shape)
    case .none:
      guard count == 0 else {
        throw FormatError(.invalid("it has no elements, but the shape \(shape)"))
      }
      return try allocate(type, shape)
    }
  }

  /// The sizes in `dims`.
  /// - Throws: `FormatError` if one is negative.
  private func shape(_ dims: [Int64]) throws(FormatError) -> [Int] {
    for (index, size) in dims.enumerated() where size < 0 {
      throw FormatError(.invalid("dimension \(index) is negative (\(size))"))
    }
    return dims.map(Int.init)
  }

  func allocate(_ type: ElementType, _ shape: [Int]) throws(FormatError) -> Tensor {
    let (bytes, overflow) = (shape.elementCount ?? Int.max).multipliedReportingOverflow(
      by: type.stride)
    try budget.take(overflow ? Int.max : bytes)
    do { return try Tensor(uninitialized: type, shape: shape) } catch { throw FormatError(error) }
  }

  private func check(bytes: Int, for type: ElementType, _ count: Int, _ shape: [Int])
    throws(FormatError)
  {
    guard let expected = type.bytesInFile(count), bytes == expected else {
      throw FormatError(
        .invalid(
          "\(bytes) bytes of data do not fill \(type) \(shape), which takes "
            + "\(type.bytesInFile(count).map(String.init) ?? "more than there can be")"))
    }
  }

  /// A tensor of which `read` writes the bytes, as the file holds them.
  private func fill(
    _ type: ElementType, _ shape: [Int],
    _ read: (UnsafeMutableRawPointer, Int) throws(FormatError) -> Void
  ) throws(FormatError) -> Tensor {
    let tensor = try allocate(type, shape)
    guard let size = type.bytesInFile(tensor.count), size > 0 else { return tensor }
    // Packed elements are read to the end of the memory and unpacked to its beginning.
    let pointer = tensor.storage.pointer + type.packedOffset(count: tensor.count)
    try read(pointer, size)
    tensor.unpackInPlace()
    return tensor
  }

  /// Whether a payload is read after the message: one that is large, and the same in memory as in the
  /// file.
  private func isDeferred(_ type: ElementType, _ size: Int) -> Bool {
    guard type != .string, type != .bool, size >= DeferredReads.leastSize else { return false }
    return type.bytesInFile(size / type.stride) == size
  }

  private func externalTensor(
    _ type: ElementType, _ shape: [Int], _ count: Int, _ range: ExternalRange, name: String?
  ) throws(FormatError) -> Tensor {
    guard type != .string else {
      throw FormatError(.invalid("external data cannot hold strings"))
    }
    guard let externalData else {
      throw FormatError(
        .invalid(
          "it has external data, but no folder of external data is given; name it by "
            + "ReadingOptions.externalFolder or --external-dir"))
    }
    let (file, newBytes) = try externalData.file(range.location)
    budget.raiseLimit(fileSize: newBytes)
    let available = max(0, file.count - range.offset)
    let length = range.length ?? available
    guard range.offset <= file.count, length <= available else {
      throw FormatError(
        .invalid(
          "external data \(range.location.quoted): \(length) bytes from offset \(range.offset) "
            + "extend beyond the file's \(file.count) bytes"))
    }
    try check(bytes: length, for: type, count, shape)
    if isDeferred(type, length) {
      let tensor = try allocate(type, shape)
      deferred.append(file, at: range.offset, count: length, into: tensor.storage, name: name)
      if deferred.isFull { try deferred.finish(threads: options.threads) }
      return tensor
    }
    return try fill(type, shape) { (target, size) throws(FormatError) in
      try file.read(size, at: range.offset, into: target)
    }
  }

  func sparseTensor(_ range: Range<Int>) throws(FormatError) -> SparseTensor {
    var values: NamedTensor?
    var indices: NamedTensor?
    return try read(
      Onnx__SparseTensorProto.self, range,
      apart: { (field) throws(FormatError) in
        switch field.number {
        case FieldNumber.SparseTensor.values: values = try tensor(field.body)
        case FieldNumber.SparseTensor.indices: indices = try tensor(field.body)
        default: return false
        }
        return true
      },
      takeOver: { (message) throws(FormatError) in
        guard let values else { throw FormatError(.invalid("a sparse tensor has no values")) }
        guard let indices else { throw FormatError(.invalid("a sparse tensor has no indices")) }
        return SparseTensor(
          values: values, indices: indices,
          shape: try shape(Array(list(message.dims, message.n_dims))))
      })
  }
}
