internal import COnnx

extension Attribute.Value {
  /// The number of the value's type in `AttributeProto.AttributeType`.
  var kindNumber: Int32 {
    if case .reference(_, let type) = self { return type }
    let kind: Attribute.Kind? =
      switch self {
      case .float: .float
      case .int: .int
      case .string: .string
      case .tensor: .tensor
      case .graph: .graph
      case .sparseTensor: .sparseTensor
      case .type: .type
      case .floats: .floats
      case .ints: .ints
      case .strings: .strings
      case .tensors: .tensors
      case .graphs: .graphs
      case .sparseTensors: .sparseTensors
      case .types: .types
      case .reference: nil
      }
    return kind?.rawValue ?? 0
  }
}

extension MessageWriter {
  func attribute(_ attribute: Attribute) throws(FormatError) {
    try part(Onnx__AttributeProto.self) { (message) throws(FormatError) in
      message.name = try string(attribute.name)
      message.doc_string = try string(attribute.docString)
      message.has_type = attribute.omitsType ? 0 : 1
      message.type = Onnx__AttributeProto__AttributeType(
        rawValue: UInt32(bitPattern: attribute.value.kindNumber))
      switch attribute.value {
      case .float(let value):
        message.has_f = attribute.omitsValue && value == 0 ? 0 : 1
        message.f = value
      case .int(let value):
        message.has_i = attribute.omitsValue && value == 0 ? 0 : 1
        message.i = value
      case .string(let value):
        message.has_s = attribute.omitsValue && value.bytes.isEmpty ? 0 : 1
        message.s.len = value.bytes.count
        message.s.data = try array(value.bytes)
      case .floats(let values):
        message.n_floats = values.count
        message.floats = try array(values)
      case .ints(let values):
        message.n_ints = values.count
        message.ints = try array(values)
      case .reference(let name, _): message.ref_attr_name = try string(name)
      default: break
      }
    }
    try longValue(attribute.value)
  }

  private func longValue(_ value: Attribute.Value) throws(FormatError) {
    typealias Number = FieldNumber.Attribute
    switch value {
    case .tensor(let value): try tensorField(Number.tensor, value)
    case .graph(let value): try graphField(Number.graph, value)
    case .sparseTensor(let value): try sparseField(Number.sparseTensor, value)
    case .type(let value): try typeField(Number.type, value)
    case .strings(let values): for value in values { try bytes(Number.strings, value.bytes) }
    case .tensors(let values): for value in values { try tensorField(Number.tensors, value) }
    case .graphs(let values): for value in values { try graphField(Number.graphs, value) }
    case .sparseTensors(let values):
      for value in values { try sparseField(Number.sparseTensors, value) }
    case .types(let values): for value in values { try typeField(Number.types, value) }
    case .float, .int, .string, .floats, .ints, .reference: break
    }
  }

  private func tensorField(_ number: UInt32, _ value: NamedTensor) throws(FormatError) {
    try submessage(number) { () throws(FormatError) in try tensor(value) }
  }
  private func graphField(_ number: UInt32, _ value: Graph) throws(FormatError) {
    try submessage(number) { () throws(FormatError) in try graph(value) }
  }
  private func sparseField(_ number: UInt32, _ value: SparseTensor) throws(FormatError) {
    try submessage(number) { () throws(FormatError) in try sparseTensor(value) }
  }
  private func typeField(_ number: UInt32, _ value: ValueType) throws(FormatError) {
    try submessage(number) { () throws(FormatError) in
      try part(Onnx__TypeProto.self) { (message) throws(FormatError) in
        try fill(&message, value)
      }
    }
  }
}
