internal import COnnx

/// The fields of a message type as JSON has them, from its descriptor.
struct MessageLayout {
  enum Kind {
    case int32, int64, uint64, float, double, string, bytes
    case enumeration([(name: String, value: Int32)])
    case message(UnsafePointer<ProtobufCMessageDescriptor>)
  }

  struct Field {
    let number: UInt32
    /// The name in JSON: `rawData`.
    let jsonName: String
    let kind: Kind
    let isRepeated: Bool
    /// Whether the field belongs to a `oneof`, of which a message has at most one field.
    let isOneOf: Bool

    /// Whether repeated values are packed into a single field.
    var isPacked: Bool {
      switch kind {
      case .string, .bytes, .message: false
      default: isRepeated
      }
    }
  }

  /// The name of the message type: `TensorProto`.
  let name: String
  /// The fields in the order of their numbers.
  let fields: [Field]
  /// The position of each field, by its name in JSON and by that in the standard.
  let indices: [String: Int]
}

extension MessageLayout {
  init(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) {
    name = String(cString: descriptor.pointee.short_name)
    var fields: [Field] = []
    var indices: [String: Int] = [:]
    let descriptors = UnsafeBufferPointer(
      start: descriptor.pointee.fields, count: Int(descriptor.pointee.n_fields))
    for field in descriptors {
      guard let kind = Kind(field) else { continue }
      let name = String(cString: field.name)
      let jsonName = Self.jsonName(name)
      indices[name] = fields.count
      indices[jsonName] = fields.count
      fields.append(
        Field(
          number: field.id, jsonName: jsonName, kind: kind,
          isRepeated: field.label == PROTOBUF_C_LABEL_REPEATED,
          isOneOf: field.flags & UInt32(PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue) != 0))
    }
    self.fields = fields
    self.indices = indices
  }

  /// Converts `raw_data` to `rawData`.
  private static func jsonName(_ name: String) -> String {
    let words = name.split(separator: "_", omittingEmptySubsequences: false)
    return (words.first.map(String.init) ?? "")
      + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }
}

extension MessageLayout.Kind {
  /// `nil` for a kind that the standard's messages do not have.
  fileprivate init?(_ field: ProtobufCFieldDescriptor) {
    switch field.type {
    case PROTOBUF_C_TYPE_INT32: self = .int32
    case PROTOBUF_C_TYPE_INT64: self = .int64
    case PROTOBUF_C_TYPE_UINT64: self = .uint64
    case PROTOBUF_C_TYPE_FLOAT: self = .float
    case PROTOBUF_C_TYPE_DOUBLE: self = .double
    case PROTOBUF_C_TYPE_STRING: self = .string
    case PROTOBUF_C_TYPE_BYTES: self = .bytes
    case PROTOBUF_C_TYPE_ENUM:
      guard let descriptor = field.descriptor else { return nil }
      let values = descriptor.assumingMemoryBound(to: ProtobufCEnumDescriptor.self).pointee
      self = .enumeration(
        UnsafeBufferPointer(start: values.values, count: Int(values.n_values)).map {
          (String(cString: $0.name), $0.value)
        })
    case PROTOBUF_C_TYPE_MESSAGE:
      guard let descriptor = field.descriptor else { return nil }
      self = .message(descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self))
    default: return nil
    }
  }
}

/// A cache of layouts.
struct MessageLayouts {
  private var layouts: [UnsafePointer<ProtobufCMessageDescriptor>: MessageLayout] = [:]

  static var model: UnsafePointer<ProtobufCMessageDescriptor> { onnx_model_proto() }

  mutating func layout(
    of descriptor: UnsafePointer<ProtobufCMessageDescriptor>
  ) -> MessageLayout {
    if let layout = layouts[descriptor] { return layout }
    let layout = MessageLayout(descriptor)
    layouts[descriptor] = layout
    return layout
  }
}
