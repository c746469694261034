internal import COnnx

typealias MessageDescriptor = UnsafePointer<ProtobufCMessageDescriptor>

/// A protobuf-c struct of a message.
protocol CMessage {
  /// The fields of the message.
  static var descriptor: MessageDescriptor { get }
}

extension UnsafePointer<ProtobufCMessageDescriptor> {
  /// The field with that number, if the message has it.
  func field(_ number: UInt32) -> UnsafePointer<ProtobufCFieldDescriptor>? {
    protobuf_c_message_descriptor_get_field(self, number)
  }
  /// The message's name in the standard: `NodeProto`.
  var name: String { String(cString: pointee.short_name) }
}

extension UnsafePointer<ProtobufCFieldDescriptor> {
  /// The type of message that the field holds; `nil` for other fields.
  var message: MessageDescriptor? {
    guard pointee.type == PROTOBUF_C_TYPE_MESSAGE else { return nil }
    return pointee.descriptor?.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
  }
  var isRepeated: Bool { pointee.label == PROTOBUF_C_LABEL_REPEATED }
  var name: String { String(cString: pointee.name) }

  /// The encoding of one value of the field.
  var wireType: WireType {
    switch pointee.type {
    case PROTOBUF_C_TYPE_MESSAGE, PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_BYTES: .bytes
    case PROTOBUF_C_TYPE_FLOAT, PROTOBUF_C_TYPE_FIXED32, PROTOBUF_C_TYPE_SFIXED32: .fixed32
    case PROTOBUF_C_TYPE_DOUBLE, PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_SFIXED64: .fixed64
    default: .varint
    }
  }
}

extension Onnx__AttributeProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_attribute_proto() }
}
extension Onnx__DeviceConfigurationProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_device_configuration_proto() }
}
extension Onnx__FunctionProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_function_proto() }
}
extension Onnx__GraphProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_graph_proto() }
}
extension Onnx__IntIntListEntryProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_int_int_list_entry_proto() }
}
extension Onnx__MapProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_map_proto() }
}
extension Onnx__ModelProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_model_proto() }
}
extension Onnx__NodeDeviceConfigurationProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_node_device_configuration_proto() }
}
extension Onnx__NodeProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_node_proto() }
}
extension Onnx__OperatorSetIdProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_operator_set_id_proto() }
}
extension Onnx__OptionalProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_optional_proto() }
}
extension Onnx__SequenceProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_sequence_proto() }
}
extension Onnx__ShardedDimProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_sharded_dim_proto() }
}
extension Onnx__ShardingSpecProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_sharding_spec_proto() }
}
extension Onnx__SimpleShardedDimProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_simple_sharded_dim_proto() }
}
extension Onnx__SparseTensorProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_sparse_tensor_proto() }
}
extension Onnx__StringStringEntryProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_string_string_entry_proto() }
}
extension Onnx__TensorAnnotation: CMessage {
  static var descriptor: MessageDescriptor { onnx_tensor_annotation() }
}
extension Onnx__TensorProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_tensor_proto() }
}
extension Onnx__TensorProto__Segment: CMessage {
  static var descriptor: MessageDescriptor { onnx_tensor_proto__segment() }
}
extension Onnx__TensorShapeProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_tensor_shape_proto() }
}
extension Onnx__TensorShapeProto__Dimension: CMessage {
  static var descriptor: MessageDescriptor { onnx_tensor_shape_proto__dimension() }
}
extension Onnx__TrainingInfoProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_training_info_proto() }
}
extension Onnx__TypeProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_type_proto() }
}
extension Onnx__TypeProto__Map: CMessage {
  static var descriptor: MessageDescriptor { onnx_type_proto__map() }
}
extension Onnx__TypeProto__Opaque: CMessage {
  static var descriptor: MessageDescriptor { onnx_type_proto__opaque() }
}
extension Onnx__TypeProto__Optional: CMessage {
  static var descriptor: MessageDescriptor { onnx_type_proto__optional() }
}
extension Onnx__TypeProto__Sequence: CMessage {
  static var descriptor: MessageDescriptor { onnx_type_proto__sequence() }
}
extension Onnx__TypeProto__SparseTensor: CMessage {
  static var descriptor: MessageDescriptor { onnx_type_proto__sparse_tensor() }
}
extension Onnx__TypeProto__Tensor: CMessage {
  static var descriptor: MessageDescriptor { onnx_type_proto__tensor() }
}
extension Onnx__ValueInfoProto: CMessage {
  static var descriptor: MessageDescriptor { onnx_value_info_proto() }
}
