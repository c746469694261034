internal import COnnx

extension Value {
  /// Writes the value as a `.pb` file: a serialized `TensorProto`, `SparseTensorProto`, `SequenceProto`,
  /// `OptionalProto` or `MapProto`.
  /// - Throws: `FormatError`, with the path, if the file cannot be written.
  public func write(to path: String, name: String? = nil) throws(FormatError) {
    do throws(FormatError) {
      let file = try OutputFile(path)
      let writer = MessageWriter(external: nil)
      try writer.write(to: .file(file)) { () throws(FormatError) in
        try writer.value(self, name)
      }
      try file.commit()
    } catch {
      throw error.context.first == path ? error : error.within(path)
    }
  }

  /// The bytes of the value as a `.pb` file.
  /// - Throws: `FormatError` if they would exceed 2 GB, or if a sequence holds values of several kinds.
  public func serialized(name: String? = nil) throws(FormatError) -> [UInt8] {
    let writer = MessageWriter(external: nil)
    try writer.write(to: .memory) { () throws(FormatError) in try writer.value(self, name) }
    return writer.bytes
  }
}

extension MessageWriter {
  func value(_ value: Value, _ name: String?) throws(FormatError) {
    switch value {
    case .tensor(let tensor): try self.tensor(NamedTensor(name, tensor))
    case .sparseTensor(let sparse):
      var sparse = sparse
      if let name { sparse.values.name = name }
      try sparseTensor(sparse)
    case .sequence(let sequence): try self.sequence(sequence, name)
    case .optional(let value, let type): try optional(value, type, name)
    case .map(let map): try self.map(map, name)
    }
  }

  private func sequence(_ sequence: SequenceValue, _ name: String?) throws(FormatError) {
    let kind = sequence.elements.first?.kindNumber ?? sequence.elementType?.kindNumber ?? 1
    guard sequence.elements.allSatisfy({ $0.kindNumber == kind }) else {
      throw FormatError(.invalid("a sequence holds values of several kinds"))
    }
    try part(Onnx__SequenceProto.self) { (message) throws(FormatError) in
      message.name = try string(name)
      message.has_elem_type = 1
      message.elem_type = kind
    }
    for element in sequence.elements {
      let number =
        switch element {
        case .tensor: FieldNumber.Sequence.tensors
        case .sparseTensor: FieldNumber.Sequence.sparseTensors
        case .sequence: FieldNumber.Sequence.sequences
        case .map: FieldNumber.Sequence.maps
        case .optional: FieldNumber.Sequence.optionals
        }
      try submessage(number) { () throws(FormatError) in try value(element, nil) }
    }
  }

  private func optional(_ value: Value?, _ type: ValueType?, _ name: String?) throws(FormatError) {
    try part(Onnx__OptionalProto.self) { (message) throws(FormatError) in
      message.name = try string(name)
      message.has_elem_type = 1
      message.elem_type = value?.kindNumber ?? type?.kindNumber ?? 0
    }
    guard let value else { return }
    let number =
      switch value {
      case .tensor: FieldNumber.Optional.tensor
      case .sparseTensor: FieldNumber.Optional.sparseTensor
      case .sequence: FieldNumber.Optional.sequence
      case .map: FieldNumber.Optional.map
      case .optional: FieldNumber.Optional.optional
      }
    try submessage(number) { () throws(FormatError) in try self.value(value, nil) }
  }

  private func map(_ map: MapValue, _ name: String?) throws(FormatError) {
    try part(Onnx__MapProto.self) { (message) throws(FormatError) in
      message.name = try string(name)
      message.has_key_type = 1
      switch map.keys {
      case .integers(let keys, let type):
        message.key_type = type.rawValue
        message.n_keys = keys.count
        message.keys = try array(keys)
      case .strings: message.key_type = ElementType.string.rawValue
      }
    }
    if case .strings(let keys) = map.keys {
      for key in keys { try bytes(FieldNumber.Map.stringKeys, key.utf8) }
    }
    try submessage(FieldNumber.Map.values) { () throws(FormatError) in
      try sequence(map.values, nil)
    }
  }
}
