internal import COnnx

extension MessageWriter {
  func type(_ type: ValueType?) throws(FormatError) -> UnsafeMutablePointer<Onnx__TypeProto>? {
    guard let type else { return nil }
    let message = try make(Onnx__TypeProto.self)
    try fill(&message.pointee, type)
    return message
  }

  func fill(_ message: inout Onnx__TypeProto, _ type: ValueType) throws(FormatError) {
    message.denotation = try string(type.denotation)
    switch type.kind {
    case .undefined: break
    case .tensor(let tensor):
      let inner = try make(Onnx__TypeProto__Tensor.self)
      inner.pointee.has_elem_type = tensor.statesType ? 1 : 0
      inner.pointee.elem_type = tensor.elementType.rawValue
      inner.pointee.shape = try shape(tensor.shape)
      message.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
      message.tensor_type = inner
    case .sparseTensor(let tensor):
      let inner = try make(Onnx__TypeProto__SparseTensor.self)
      inner.pointee.has_elem_type = tensor.statesType ? 1 : 0
      inner.pointee.elem_type = tensor.elementType.rawValue
      inner.pointee.shape = try shape(tensor.shape)
      message.value_case = ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE
      message.sparse_tensor_type = inner
    case .sequence(let element):
      let inner = try make(Onnx__TypeProto__Sequence.self)
      inner.pointee.elem_type = try self.type(element)
      message.value_case = ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE
      message.sequence_type = inner
    case .optional(let element):
      let inner = try make(Onnx__TypeProto__Optional.self)
      inner.pointee.elem_type = try self.type(element)
      message.value_case = ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE
      message.optional_type = inner
    case .map(let key, let value):
      let inner = try make(Onnx__TypeProto__Map.self)
      inner.pointee.has_key_type = key == .undefined ? 0 : 1
      inner.pointee.key_type = key.rawValue
      inner.pointee.value_type = try self.type(value)
      message.value_case = ONNX__TYPE_PROTO__VALUE_MAP_TYPE
      message.map_type = inner
    case .opaque(let domain, let name):
      let inner = try make(Onnx__TypeProto__Opaque.self)
      inner.pointee.domain = try string(domain)
      inner.pointee.name = try string(name)
      message.value_case = ONNX__TYPE_PROTO__VALUE_OPAQUE_TYPE
      message.opaque_type = inner
    }
  }

  private func shape(_ shape: Shape?) throws(FormatError)
    -> UnsafeMutablePointer<Onnx__TensorShapeProto>?
  {
    guard let shape else { return nil }
    let message = try make(Onnx__TensorShapeProto.self)
    message.pointee.n_dim = shape.rank
    message.pointee.dim = try messages(
      Array(shape.dimensions.indices), Onnx__TensorShapeProto__Dimension.self
    ) { (dimension, index) throws(FormatError) in
      if let denotations = shape.denotations, index < denotations.count {
        dimension.denotation = try string(denotations[index])
      }
      switch shape.dimensions[index] {
      case .unknown: break
      case .size(let size):
        dimension.value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE
        dimension.dim_value = Int64(size)
      case .symbol(let name):
        dimension.value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM
        dimension.dim_param = try string(name)
      }
    }
    return message
  }
}

extension TensorType {
  fileprivate var statesType: Bool { elementType != .undefined || statesUndefined }
}
