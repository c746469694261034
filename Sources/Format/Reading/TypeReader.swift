internal import COnnx

extension MessageReader {
  func type(_ range: Range<Int>) throws(FormatError) -> ValueType {
    try read(Onnx__TypeProto.self, range) { (message) throws(FormatError) in
      try ValueType(message)
    }
  }
}

extension ElementType {
  /// The element type with that number.
  /// - Throws: `FormatError` if the standard has none.
  init(number: Int32) throws(FormatError) {
    guard let type = ElementType(rawValue: number) else {
      throw FormatError(.invalid("unknown element type \(number)"))
    }
    self = type
  }
}

extension ValueType {
  /// Converts a type. It recurses no deeper than the scan allowed.
  init(_ message: Onnx__TypeProto) throws(FormatError) {
    self.init(.undefined, denotation: message.denotation.string)
    switch message.value_case {
    case ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE:
      guard let type = message.tensor_type?.pointee else { return }
      kind = .tensor(
        try TensorType(type.has_elem_type != 0 ? type.elem_type : nil, type.shape?.pointee))
    case ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE:
      guard let type = message.sparse_tensor_type?.pointee else { return }
      kind = .sparseTensor(
        try TensorType(type.has_elem_type != 0 ? type.elem_type : nil, type.shape?.pointee))
    case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
      kind = .sequence(try Self.optional(message.sequence_type?.pointee.elem_type))
    case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
      kind = .optional(try Self.optional(message.optional_type?.pointee.elem_type))
    case ONNX__TYPE_PROTO__VALUE_MAP_TYPE:
      guard let type = message.map_type?.pointee else { return }
      kind = .map(
        key: try ElementType(number: type.key_type), value: try Self.optional(type.value_type))
    case ONNX__TYPE_PROTO__VALUE_OPAQUE_TYPE:
      guard let type = message.opaque_type?.pointee else { return }
      kind = .opaque(domain: type.domain.string, name: type.name.string)
    default: break
    }
  }

  private static func optional(_ message: UnsafeMutablePointer<Onnx__TypeProto>?)
    throws(FormatError) -> ValueType?
  {
    guard let message else { return nil }
    return try ValueType(message.pointee)
  }
}

extension TensorType {
  fileprivate init(_ number: Int32?, _ shape: Onnx__TensorShapeProto?) throws(FormatError) {
    self.init(try ElementType(number: number ?? 0), nil as Shape?)
    statesUndefined = number == 0
    if let shape { self.shape = try Shape(shape) }
  }
}

extension Shape {
  fileprivate init(_ message: Onnx__TensorShapeProto) throws(FormatError) {
    var dimensions: [Dimension] = []
    var denotations: [String?] = []
    for dimension in messages(message.dim, message.n_dim) {
      switch dimension.value_case {
      case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE:
        // Some converters write −1 for a free dimension; onnxruntime takes any negative size for one.
        dimensions.append(
          dimension.dim_value < 0 ? .unknown : .size(Int(dimension.dim_value)))
      case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM:
        dimensions.append(.symbol(dimension.dim_param.string ?? ""))
      default: dimensions.append(.unknown)
      }
      denotations.append(dimension.denotation.string)
    }
    self.init(dimensions)
    if denotations.contains(where: { $0 != nil }) { self.denotations = denotations }
  }
}
