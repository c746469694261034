internal import COnnx

extension MessageWriter {
  func graph(_ graph: Graph) throws(FormatError) {
    for node in graph.nodes {
      try submessage(FieldNumber.Graph.node) { () throws(FormatError) in try self.node(node) }
    }
    try part(Onnx__GraphProto.self) { (message) throws(FormatError) in
      message.name = try string(graph.name)
      message.doc_string = try string(graph.docString)
      message.n_quantization_annotation = graph.quantizationAnnotations.count
      message.quantization_annotation = try messages(
        graph.quantizationAnnotations, Onnx__TensorAnnotation.self
      ) { (message, annotation) throws(FormatError) in
        message.tensor_name = try string(annotation.tensorName)
        message.n_quant_parameter_tensor_names = annotation.parameters.count
        message.quant_parameter_tensor_names = try entries(annotation.parameters)
      }
      message.n_metadata_props = graph.metadata.count
      message.metadata_props = try entries(graph.metadata)
    }
    for tensor in graph.initializers {
      try submessage(FieldNumber.Graph.initializer) { () throws(FormatError) in
        try self.tensor(tensor)
      }
    }
    for tensor in graph.sparseInitializers {
      try submessage(FieldNumber.Graph.sparseInitializer) { () throws(FormatError) in
        try sparseTensor(tensor)
      }
    }
    for info in graph.inputs { try valueInfo(FieldNumber.Graph.input, info) }
    for info in graph.outputs { try valueInfo(FieldNumber.Graph.output, info) }
    for info in graph.valueInfos { try valueInfo(FieldNumber.Graph.valueInfo, info) }
  }

  func valueInfo(_ number: UInt32, _ info: ValueInfo) throws(FormatError) {
    try submessage(number) { () throws(FormatError) in
      try part(Onnx__ValueInfoProto.self) { (message) throws(FormatError) in
        message.name = try string(info.name)
        message.type = try type(info.type)
        message.doc_string = try string(info.docString)
        message.n_metadata_props = info.metadata.count
        message.metadata_props = try entries(info.metadata)
      }
    }
  }

  func node(_ node: Node) throws(FormatError) {
    try part(Onnx__NodeProto.self) { (message) throws(FormatError) in
      message.n_input = node.inputs.count
      message.input = try strings(node.inputs)
      message.n_output = node.outputs.count
      message.output = try strings(node.outputs)
      message.name = try string(node.name)
      message.op_type = try string(node.operatorType)
      message.domain = try string(node.domain)
      message.overload = try string(node.overload)
      message.doc_string = try string(node.docString)
      message.n_metadata_props = node.metadata.count
      message.metadata_props = try entries(node.metadata)
      message.n_device_configurations = node.deviceConfigurations.count
      message.device_configurations = try messages(
        node.deviceConfigurations, Onnx__NodeDeviceConfigurationProto.self
      ) { (message, configuration) throws(FormatError) in try fill(&message, configuration) }
    }
    for attribute in node.attributes {
      try submessage(FieldNumber.Node.attribute) { () throws(FormatError) in
        try self.attribute(attribute)
      }
    }
  }
}
