internal import COnnx

extension Model {
  /// Writes the model as an ONNX file.
  ///
  /// The file is complete before it takes the place of an older one. Where the older one may have
  /// external data under the same name, the new data gets the name with `-1` (or the next free number)
  /// behind it, and the older data is removed last: a process that ends at any moment leaves the old
  /// model or the new one.
  /// - Throws: `FormatError`, with the path, if the file cannot be written or would exceed 2 GB.
  public func write(to path: String, options: WritingOptions = .init()) throws(FormatError) {
    try write(to: path, options: options) { _ in }
  }

  /// Writes the model as an ONNX file.
  /// - Parameter completed: called after each step that changes what a reader finds; an error that it
  ///   throws leaves everything as it is then
  package func write(
    to path: String, options: WritingOptions,
    completed: (WritingStep) throws(FormatError) -> Void
  ) throws(FormatError) {
    do throws(FormatError) {
      let file = try OutputFile(path)
      var external: ExternalOutput?
      var options = options
      if let wanted = options.externalData {
        let output = try ExternalOutput(wanted.name, ofModel: path)
        options.externalData?.name = output.name
        external = output
      }
      let writer = MessageWriter(external: options.externalData)
      try writer.write(to: .file(file), externalFile: external?.file) { () throws(FormatError) in
        try writer.model(self)
      }
      try external?.file.commit()
      try completed(.data)
      try file.commit()
      try completed(.model)
      external?.removeOlder()
    } catch {
      throw error.context.first == path ? error : error.within(path)
    }
  }

  /// The bytes of the model as an ONNX file.
  /// - Throws: `FormatError` if they would exceed 2 GB.
  public func serialized() throws(FormatError) -> [UInt8] {
    let writer = MessageWriter(external: nil)
    try writer.write(to: .memory) { () throws(FormatError) in try writer.model(self) }
    return writer.bytes
  }
}

extension MessageWriter {
  func model(_ model: Model) throws(FormatError) {
    try part(Onnx__ModelProto.self) { (message) throws(FormatError) in
      message.has_ir_version = model.irVersion == nil ? 0 : 1
      message.ir_version = model.irVersion ?? 0
      message.n_opset_import = model.operatorSets.count
      message.opset_import = try operatorSets(model.operatorSets)
      message.producer_name = try string(model.producerName)
      message.producer_version = try string(model.producerVersion)
      message.domain = try string(model.domain)
      message.has_model_version = model.modelVersion == nil ? 0 : 1
      message.model_version = model.modelVersion ?? 0
      message.doc_string = try string(model.docString)
      message.n_metadata_props = model.metadata.count
      message.metadata_props = try entries(model.metadata)
      message.n_configuration = model.deviceConfigurations.count
      message.configuration = try messages(
        model.deviceConfigurations, Onnx__DeviceConfigurationProto.self
      ) { (message, configuration) throws(FormatError) in
        message.name = try string(configuration.name)
        message.has_num_devices = configuration.deviceCount == nil ? 0 : 1
        message.num_devices = configuration.deviceCount ?? 0
        message.n_device = configuration.devices.count
        message.device = try strings(configuration.devices)
      }
    }
    try submessage(FieldNumber.Model.graph) { () throws(FormatError) in try graph(model.graph) }
    for info in model.trainingInfos {
      try submessage(FieldNumber.Model.trainingInfo) { () throws(FormatError) in
        try trainingInfo(info)
      }
    }
    for function in model.functions {
      try submessage(FieldNumber.Model.functions) { () throws(FormatError) in
        try self.function(function)
      }
    }
  }

  private func trainingInfo(_ info: TrainingInfo) throws(FormatError) {
    if let initialization = info.initialization {
      try submessage(FieldNumber.TrainingInfo.initialization) { () throws(FormatError) in
        try graph(initialization)
      }
    }
    if let algorithm = info.algorithm {
      try submessage(FieldNumber.TrainingInfo.algorithm) { () throws(FormatError) in
        try graph(algorithm)
      }
    }
    try part(Onnx__TrainingInfoProto.self) { (message) throws(FormatError) in
      message.n_initialization_binding = info.initializationBindings.count
      message.initialization_binding = try entries(info.initializationBindings)
      message.n_update_binding = info.updateBindings.count
      message.update_binding = try entries(info.updateBindings)
    }
  }

  private func function(_ function: Function) throws(FormatError) {
    try part(Onnx__FunctionProto.self) { (message) throws(FormatError) in
      message.name = try string(function.name)
      message.n_input = function.inputs.count
      message.input = try strings(function.inputs)
      message.n_output = function.outputs.count
      message.output = try strings(function.outputs)
      message.n_attribute = function.attributes.count
      message.attribute = try strings(function.attributes)
      message.doc_string = try string(function.docString)
      message.n_opset_import = function.operatorSets.count
      message.opset_import = try operatorSets(function.operatorSets)
      message.domain = try string(function.domain)
      message.overload = try string(function.overload)
      message.n_metadata_props = function.metadata.count
      message.metadata_props = try entries(function.metadata)
    }
    for attribute in function.attributeDefaults {
      try submessage(FieldNumber.Function.attributeDefault) { () throws(FormatError) in
        try self.attribute(attribute)
      }
    }
    for node in function.nodes {
      try submessage(FieldNumber.Function.node) { () throws(FormatError) in
        try self.node(node)
      }
    }
    for info in function.valueInfos { try valueInfo(FieldNumber.Function.valueInfo, info) }
  }
}
