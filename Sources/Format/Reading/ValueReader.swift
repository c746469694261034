internal import COnnx

extension Value {
  /// The type of the message in a `.pb` file, which the file itself does not state.
  public enum FileKind: Sendable, Hashable {
    /// A `TensorProto`.
    case tensor
    /// A `SparseTensorProto`.
    case sparseTensor
    /// A `SequenceProto`.
    case sequence
    /// An `OptionalProto`.
    case optional
    /// A `MapProto`.
    case map

    /// The message for values of that type.
    public init(_ type: ValueType) {
      switch type.kind {
      case .sparseTensor: self = .sparseTensor
      case .sequence: self = .sequence
      case .optional: self = .optional
      case .map: self = .map
      case .tensor, .undefined, .opaque: self = .tensor
      }
    }
  }

  /// Reads a `.pb` file: a serialized `TensorProto`, `SparseTensorProto`, `SequenceProto`,
  /// `OptionalProto` or `MapProto`.
  /// - Throws: `FormatError`, with the path, if the file does not hold that message.
  public init(
    contentsOf path: String, as kind: FileKind = .tensor, options: ReadingOptions = .init()
  ) throws(FormatError) {
    do throws(FormatError) {
      let file = try InputFile(path)
      let reader = MessageReader(
        ByteSource(file), options: options,
        externalFolders: try ExternalData.folders(of: file))
      self = try reader.wholeValue(kind)
    } catch {
      throw error.context.first == path ? error : error.within(path)
    }
  }

  /// Reads a value from the bytes of a `.pb` file. It cannot have external data.
  /// - Throws: `FormatError` if the bytes are not that message.
  public init(
    serialized bytes: [UInt8], as kind: FileKind = .tensor, options: ReadingOptions = .init()
  )
    throws(FormatError)
  {
    self = try ByteSource.reading(bytes) { (source) throws(FormatError) in
      try MessageReader(source, options: options, externalFolders: []).wholeValue(kind)
    }
  }
}

extension MessageReader {
  func wholeValue(_ kind: Value.FileKind) throws(FormatError) -> Value {
    switch kind {
    case .tensor:
      try requireBytes()
      return .tensor(
        try readWhole(Onnx__TensorProto.self) { (range) throws(FormatError) in
          try tensor(range)
        }.tensor)
    case .sparseTensor:
      try requireBytes()
      return .sparseTensor(
        try readWhole(Onnx__SparseTensorProto.self) { (range) throws(FormatError) in
          try sparseTensor(range)
        })
    case .sequence:
      return .sequence(
        try readWhole(Onnx__SequenceProto.self) { (range) throws(FormatError) in
          try sequence(range)
        })
    case .optional:
      return try readWhole(Onnx__OptionalProto.self) { (range) throws(FormatError) in
        try optional(range)
      }
    case .map:
      return .map(
        try readWhole(Onnx__MapProto.self) { (range) throws(FormatError) in try map(range) })
    }
  }

  private func requireBytes() throws(FormatError) {
    if source.count == 0 { throw FormatError(.invalid("the file is empty")) }
  }

  private func sequence(_ range: Range<Int>) throws(FormatError) -> SequenceValue {
    var elements: [Value] = []
    return try read(
      Onnx__SequenceProto.self, range,
      apart: { (field) throws(FormatError) in
        switch field.number {
        case FieldNumber.Sequence.tensors: elements.append(.tensor(try tensor(field.body).tensor))
        case FieldNumber.Sequence.sparseTensors:
          elements.append(.sparseTensor(try sparseTensor(field.body)))
        case FieldNumber.Sequence.sequences:
          elements.append(.sequence(try sequence(field.body)))
        case FieldNumber.Sequence.maps: elements.append(.map(try map(field.body)))
        case FieldNumber.Sequence.optionals: elements.append(try optional(field.body))
        default: return false
        }
        return true
      },
      takeOver: { (message) throws(FormatError) in
        let stated = message.has_elem_type != 0 ? message.elem_type : 0
        let kinds = Set(elements.map(\.kindNumber))
        guard kinds.count <= 1, kinds.isSubset(of: [stated]) || stated == 0 else {
          throw FormatError(.invalid("a sequence holds values of another kind than it states"))
        }
        return SequenceValue(
          elements, elementType: elements.commonType ?? ValueType(kindNumber: stated))
      })
  }

  private func optional(_ range: Range<Int>) throws(FormatError) -> Value {
    var value: Value?
    return try read(
      Onnx__OptionalProto.self, range,
      apart: { (field) throws(FormatError) in
        let next: Value
        switch field.number {
        case FieldNumber.Optional.tensor: next = .tensor(try tensor(field.body).tensor)
        case FieldNumber.Optional.sparseTensor:
          next = .sparseTensor(try sparseTensor(field.body))
        case FieldNumber.Optional.sequence: next = .sequence(try sequence(field.body))
        case FieldNumber.Optional.map: next = .map(try map(field.body))
        case FieldNumber.Optional.optional: next = try optional(field.body)
        default: return false
        }
        guard value == nil else {
          throw FormatError(.malformed("an optional has two values", offset: field.start))
        }
        value = next
        return true
      },
      takeOver: { (message) throws(FormatError) in
        let stated = message.has_elem_type != 0 ? message.elem_type : 0
        guard stated == 0 || value == nil || value?.kindNumber == stated else {
          throw FormatError(.invalid("an optional holds another kind of value than it states"))
        }
        return .optional(value, type: value?.type ?? ValueType(kindNumber: stated))
      })
  }

  private func map(_ range: Range<Int>) throws(FormatError) -> MapValue {
    var values: SequenceValue?
    return try read(
      Onnx__MapProto.self, range,
      apart: { (field) throws(FormatError) in
        guard field.number == FieldNumber.Map.values else { return false }
        values = try sequence(field.body)
        return true
      },
      takeOver: { (message) throws(FormatError) in
        let type = try ElementType(number: message.key_type)
        let keys: MapValue.Keys
        if type == .string {
          keys = .strings(
            try list(message.string_keys, message.n_string_keys).strings())
        } else {
          keys = .integers(Array(list(message.keys, message.n_keys)), type)
        }
        let values = values ?? SequenceValue([])
        let isFilled = type == .string ? message.n_keys == 0 : message.n_string_keys == 0
        guard isFilled, keys.count == values.elements.count else {
          throw FormatError(
            .invalid("a map has \(keys.count) keys and \(values.elements.count) values"))
        }
        return MapValue(keys: keys, values: values)
      })
  }
}

extension UnsafeMutableBufferPointer<ProtobufCBinaryData> {
  fileprivate func strings() throws(FormatError) -> [String] {
    var strings: [String] = []
    for element in self {
      guard let string = String(validating: element.bytes, as: UTF8.self) else {
        throw FormatError(.invalid("a key of a map is not UTF-8"))
      }
      strings.append(string)
    }
    return strings
  }
}

extension MapValue.Keys {
  var count: Int {
    switch self {
    case .integers(let keys, _): keys.count
    case .strings(let keys): keys.count
    }
  }
}

extension Value {
  /// The number of the kind of value in `SequenceProto.DataType` and `OptionalProto.DataType`.
  var kindNumber: Int32 { type.kindNumber }
}

extension ValueType {
  /// The number of the kind of value in `SequenceProto.DataType` and `OptionalProto.DataType`.
  var kindNumber: Int32 {
    switch kind {
    case .undefined, .opaque: 0
    case .tensor: 1
    case .sparseTensor: 2
    case .sequence: 3
    case .map: 4
    case .optional: 5
    }
  }

  /// A type of which only the kind is known.
  init?(kindNumber: Int32) {
    switch kindNumber {
    case 1: self.init(.tensor(TensorType(.undefined, nil as Shape?)))
    case 2: self.init(.sparseTensor(TensorType(.undefined, nil as Shape?)))
    case 3: self.init(.sequence(nil))
    case 4: self.init(.map(key: .undefined, value: nil))
    case 5: self.init(.optional(nil))
    default: return nil
    }
  }
}

extension [Value] {
  /// The type that all values share, without sizes.
  package var commonType: ValueType? {
    guard let first = self.first?.type else { return nil }
    guard case .tensor(let type) = first.kind else { return first }
    let isCommon = allSatisfy { $0.tensor?.elementType == type.elementType }
    return isCommon ? .tensor(type.elementType, nil) : nil
  }
}
