// Addresses of the message descriptors: Swift copies imported C constants.
#ifndef ONNX_DESCRIPTORS_H
#define ONNX_DESCRIPTORS_H

#include "onnx.pb-c.h"

#define ONNX_DESCRIPTOR(message)                                               \
  static inline const ProtobufCMessageDescriptor *onnx_##message(void) {       \
    return &onnx__##message##__descriptor;                                     \
  }

ONNX_DESCRIPTOR(attribute_proto)
ONNX_DESCRIPTOR(device_configuration_proto)
ONNX_DESCRIPTOR(function_proto)
ONNX_DESCRIPTOR(graph_proto)
ONNX_DESCRIPTOR(int_int_list_entry_proto)
ONNX_DESCRIPTOR(map_proto)
ONNX_DESCRIPTOR(model_proto)
ONNX_DESCRIPTOR(node_device_configuration_proto)
ONNX_DESCRIPTOR(node_proto)
ONNX_DESCRIPTOR(operator_set_id_proto)
ONNX_DESCRIPTOR(optional_proto)
ONNX_DESCRIPTOR(sequence_proto)
ONNX_DESCRIPTOR(sharded_dim_proto)
ONNX_DESCRIPTOR(sharding_spec_proto)
ONNX_DESCRIPTOR(simple_sharded_dim_proto)
ONNX_DESCRIPTOR(sparse_tensor_proto)
ONNX_DESCRIPTOR(string_string_entry_proto)
ONNX_DESCRIPTOR(tensor_annotation)
ONNX_DESCRIPTOR(tensor_proto)
ONNX_DESCRIPTOR(tensor_proto__segment)
ONNX_DESCRIPTOR(tensor_shape_proto)
ONNX_DESCRIPTOR(tensor_shape_proto__dimension)
ONNX_DESCRIPTOR(training_info_proto)
ONNX_DESCRIPTOR(type_proto)
ONNX_DESCRIPTOR(type_proto__map)
ONNX_DESCRIPTOR(type_proto__opaque)
ONNX_DESCRIPTOR(type_proto__optional)
ONNX_DESCRIPTOR(type_proto__sequence)
ONNX_DESCRIPTOR(type_proto__sparse_tensor)
ONNX_DESCRIPTOR(type_proto__tensor)
ONNX_DESCRIPTOR(value_info_proto)

#undef ONNX_DESCRIPTOR

#endif
