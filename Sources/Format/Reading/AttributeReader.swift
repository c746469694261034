internal import COnnx

extension Attribute {
  /// The standard's `AttributeProto.AttributeType`.
  enum Kind: Int32 {
    case float = 1
    case int = 2
    case string = 3
    case tensor = 4
    case graph = 5
    case floats = 6
    case ints = 7
    case strings = 8
    case tensors = 9
    case graphs = 10
    case sparseTensor = 11
    case sparseTensors = 12
    case type = 13
    case types = 14
  }
}

extension MessageReader {
  /// The values of an attribute that are not unpacked with its message.
  private struct Parts {
    var tensors: [NamedTensor] = []
    var graphs: [Graph] = []
    var sparseTensors: [SparseTensor] = []
    var types: [ValueType] = []
    var floats: [Float] = []
    var ints: [Int64] = []
    var strings: [ByteString] = []
    var tensor: NamedTensor?
    var graph: Graph?
    var sparseTensor: SparseTensor?
    var type: ValueType?
  }

  func attribute(_ range: Range<Int>) throws(FormatError) -> Attribute {
    var parts = Parts()
    if range.count > Self.longAttribute { try reserve(range, &parts) }
    return try read(
      Onnx__AttributeProto.self, range,
      apart: { (field) throws(FormatError) in try take(field, into: &parts) },
      takeOver: { (message) throws(FormatError) in
        guard let name = message.name.string else {
          throw FormatError(.invalid("an attribute has no name"))
        }
        do throws(FormatError) {
          return try attribute(name, message, parts)
        } catch {
          throw error.within("attribute \(name.quoted)")
        }
      })
  }

  /// The size in bytes from which the lists of an attribute are counted before they are read.
  private static let longAttribute = 1024

  private func reserve(_ range: Range<Int>, _ parts: inout Parts) throws(FormatError) {
    var floats = 0
    var ints = 0
    var strings = 0
    var position = range.lowerBound
    while position < range.upperBound {
      let field = try source.field(at: &position, end: range.upperBound)
      switch field.number {
      case FieldNumber.Attribute.floats: floats += field.body.count / 4
      case FieldNumber.Attribute.ints:
        ints += field.type == .bytes ? try source.countVarints(in: field.body) : 1
      case FieldNumber.Attribute.strings: strings += 1
      default: break
      }
    }
    parts.floats.reserveCapacity(floats)
    parts.ints.reserveCapacity(ints)
    parts.strings.reserveCapacity(strings)
  }

  private func take(_ field: WireField, into parts: inout Parts) throws(FormatError) -> Bool {
    typealias Number = FieldNumber.Attribute
    switch field.number {
    case Number.tensor: parts.tensor = try tensor(field.body)
    case Number.graph: parts.graph = try graph(field.body)
    case Number.sparseTensor: parts.sparseTensor = try sparseTensor(field.body)
    case Number.type: parts.type = try type(field.body)
    case Number.tensors: parts.tensors.append(try tensor(field.body))
    case Number.graphs: parts.graphs.append(try graph(field.body))
    case Number.sparseTensors: parts.sparseTensors.append(try sparseTensor(field.body))
    case Number.types: parts.types.append(try type(field.body))
    case Number.strings: parts.strings.append(ByteString(bytes: try source.bytes(field.body)))
    case Number.floats: try append(field, to: &parts.floats)
    case Number.ints: try append(field, to: &parts.ints)
    default: return false
    }
    return true
  }

  private func append(_ field: WireField, to ints: inout [Int64]) throws(FormatError) {
    guard field.type == .bytes else { return ints.append(Int64(bitPattern: field.value)) }
    let end = field.body.upperBound
    var position = field.body.lowerBound
    while position < end {
      ints.append(Int64(bitPattern: try source.varint(at: &position, end: end)))
    }
  }

  /// Appends one number, or a packed list of numbers.
  private func append(_ field: WireField, to floats: inout [Float]) throws(FormatError) {
    let bytes = try source.bytes(field.body)
    bytes.withUnsafeBytes { buffer in
      for offset in stride(from: 0, to: buffer.count - 3, by: 4) {
        floats.append(buffer.loadUnaligned(fromByteOffset: offset, as: Float.self))
      }
    }
  }

  private func attribute(_ name: String, _ message: Onnx__AttributeProto, _ parts: Parts)
    throws(FormatError) -> Attribute
  {
    let given = try givenKinds(message, parts)
    var attribute = Attribute(name, .int(0))
    attribute.docString = message.doc_string.string
    attribute.omitsType = message.has_type == 0
    let type = Int32(bitPattern: message.type.rawValue)

    if let reference = message.ref_attr_name.string, !reference.isEmpty {
      if let kind = given.first {
        throw FormatError(
          .invalid("it refers to \(reference.quoted), but also holds a value of type \(kind)"))
      }
      attribute.value = .reference(name: reference, type: type)
      return attribute
    }
    let kind: Attribute.Kind
    if type != 0 {
      guard let stated = Attribute.Kind(rawValue: type) else {
        throw FormatError(.invalid("unknown type \(type)"))
      }
      if let other = given.first(where: { $0 != stated }) {
        throw FormatError(.invalid("its type is \(stated), but it holds a value of type \(other)"))
      }
      kind = stated
    } else {
      guard let only = given.first, given.count == 1 else {
        throw FormatError(
          .invalid("it states no type and holds \(given.isEmpty ? "no value" : "several values")"))
      }
      kind = only
    }
    attribute.omitsValue = given.isEmpty
    attribute.value = try value(kind, message, parts)
    return attribute
  }

  private func givenKinds(_ message: Onnx__AttributeProto, _ parts: Parts)
    throws(FormatError) -> [Attribute.Kind]
  {
    var kinds: [Attribute.Kind] = []
    if message.has_f != 0 { kinds.append(.float) }
    if message.has_i != 0 { kinds.append(.int) }
    if message.has_s != 0 { kinds.append(.string) }
    if parts.tensor != nil { kinds.append(.tensor) }
    if parts.graph != nil { kinds.append(.graph) }
    if parts.sparseTensor != nil { kinds.append(.sparseTensor) }
    if parts.type != nil { kinds.append(.type) }
    if !parts.floats.isEmpty { kinds.append(.floats) }
    if !parts.ints.isEmpty { kinds.append(.ints) }
    if !parts.strings.isEmpty { kinds.append(.strings) }
    if !parts.tensors.isEmpty { kinds.append(.tensors) }
    if !parts.graphs.isEmpty { kinds.append(.graphs) }
    if !parts.sparseTensors.isEmpty { kinds.append(.sparseTensors) }
    if !parts.types.isEmpty { kinds.append(.types) }
    return kinds
  }

  private func value(_ kind: Attribute.Kind, _ message: Onnx__AttributeProto, _ parts: Parts)
    throws(FormatError) -> Attribute.Value
  {
    switch kind {
    case .float: return .float(message.f)
    case .int: return .int(message.i)
    case .string: return .string(ByteString(bytes: Array(message.s.bytes)))
    case .floats: return .floats(parts.floats)
    case .ints: return .ints(parts.ints)
    case .strings: return .strings(parts.strings)
    case .tensors: return .tensors(parts.tensors)
    case .graphs: return .graphs(parts.graphs)
    case .sparseTensors: return .sparseTensors(parts.sparseTensors)
    case .types: return .types(parts.types)
    case .tensor: if let tensor = parts.tensor { return .tensor(tensor) }
    case .graph: if let graph = parts.graph { return .graph(graph) }
    case .sparseTensor: if let sparse = parts.sparseTensor { return .sparseTensor(sparse) }
    case .type: if let type = parts.type { return .type(type) }
    }
    throw FormatError(.invalid("its type is \(kind), but it holds no value"))
  }
}

extension ProtobufCBinaryData {
  var bytes: UnsafeMutableBufferPointer<UInt8> { list(data, len) }
}
