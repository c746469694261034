internal import COnnx

extension MessageWriter {
  func tensor(_ named: NamedTensor) throws(FormatError) {
    let tensor = named.tensor
    let isExternal = isExternal(tensor)
    let place = isExternal ? try externalElements(of: tensor) : (offset: 0, length: 0)
    try part(Onnx__TensorProto.self) { (message) throws(FormatError) in
      message.n_dims = tensor.shape.count
      message.dims = try array(tensor.shape.map(Int64.init))
      message.has_data_type = 1
      message.data_type = tensor.elementType.rawValue
      message.name = try string(named.name)
      message.doc_string = try string(named.docString)
      message.n_metadata_props = named.metadata.count
      message.metadata_props = try entries(named.metadata)
      if let segment = named.segment {
        message.segment = try make(Onnx__TensorProto__Segment.self)
        message.segment.pointee.has_begin = segment.begin == nil ? 0 : 1
        message.segment.pointee.begin = segment.begin ?? 0
        message.segment.pointee.has_end = segment.end == nil ? 0 : 1
        message.segment.pointee.end = segment.end ?? 0
      }
      if isExternal, let external {
        let data = [
          MetadataEntry(key: "location", value: external.name),
          MetadataEntry(key: "offset", value: String(place.offset)),
          MetadataEntry(key: "length", value: String(place.length)),
        ]
        message.n_external_data = data.count
        message.external_data = try entries(data)
        message.has_data_location = 1
        message.data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL
      }
    }
    if tensor.elementType == .string {
      for string in tensor.elements(as: String.self) {
        try bytes(FieldNumber.Tensor.stringData, string.utf8)
      }
    } else if !isExternal, tensor.elementType != .undefined {
      try elements(FieldNumber.Tensor.rawData, of: tensor)
    }
  }

  func sparseTensor(_ sparse: SparseTensor) throws(FormatError) {
    try submessage(FieldNumber.SparseTensor.values) { () throws(FormatError) in
      try tensor(sparse.values)
    }
    try submessage(FieldNumber.SparseTensor.indices) { () throws(FormatError) in
      try tensor(sparse.indices)
    }
    try part(Onnx__SparseTensorProto.self) { (message) throws(FormatError) in
      message.n_dims = sparse.shape.count
      message.dims = try array(sparse.shape.map(Int64.init))
    }
  }
}
