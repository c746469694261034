internal import COnnx

extension Model {
  /// Reads an ONNX file and its external data.
  /// - Throws: `FormatError`, with the path, if the file is not a model or exceeds a limit. A file of
  ///   another format is named, with what can be done with it.
  public init(contentsOf path: String, options: ReadingOptions = .init()) throws(FormatError) {
    var opened: InputFile?
    do throws(FormatError) {
      let file = try InputFile(path)
      opened = file
      guard file.count > 0 else { throw FormatError(.invalid("the file is empty")) }
      let reader = MessageReader(
        ByteSource(file), options: options,
        externalFolders: try ExternalData.folders(of: file))
      self = try reader.wholeModel()
    } catch {
      let error = error.recognised(at: path, opened.map(ByteSource.init), for: .model)
      throw error.context.first == path ? error : error.within(path)
    }
  }

  /// Reads a model from the bytes of an ONNX file.
  /// - Parameter externalFolder: the folder of external data; the default is that of the options. A
  ///   model that has external data is refused without it.
  /// - Throws: `FormatError` if the bytes are not a model or exceed a limit.
  public init(
    serialized bytes: [UInt8], options: ReadingOptions = .init(), externalFolder: String? = nil
  ) throws(FormatError) {
    var options = options
    if let externalFolder { options.externalFolder = externalFolder }
    self = try ByteSource.reading(bytes) { (source) throws(FormatError) in
      do throws(FormatError) {
        return try MessageReader(source, options: options, externalFolders: []).wholeModel()
      } catch {
        throw error.recognised(at: nil, source, for: .model)
      }
    }
  }
}

extension MessageReader {
  func wholeModel() throws(FormatError) -> Model {
    try readWhole(Onnx__ModelProto.self) { (range) throws(FormatError) in try model(range) }
  }

  private func model(_ range: Range<Int>) throws(FormatError) -> Model {
    var graph: Graph?
    var metadata: [MetadataEntry] = []
    var trainingInfos: [TrainingInfo] = []
    var functions: [Function] = []
    var configurations: [DeviceConfiguration] = []
    return try read(
      Onnx__ModelProto.self, range,
      apart: { (field) throws(FormatError) in
        switch field.number {
        case FieldNumber.Model.graph: graph = try self.graph(field.body)
        case FieldNumber.Model.metadata: metadata.append(try entry(field.body))
        case FieldNumber.Model.trainingInfo: trainingInfos.append(try trainingInfo(field.body))
        case FieldNumber.Model.functions: functions.append(try function(field.body))
        case FieldNumber.Model.configuration:
          configurations.append(try deviceConfiguration(field.body))
        default: return false
        }
        return true
      },
      takeOver: { (message) throws(FormatError) in
        guard let graph else { throw FormatError(.invalid("not an ONNX model: it has no graph")) }
        var model = Model(
          graph: graph,
          operatorSets: try operatorSets(message.opset_import, message.n_opset_import))
        model.irVersion = message.has_ir_version != 0 ? message.ir_version : nil
        model.producerName = message.producer_name.string
        model.producerVersion = message.producer_version.string
        model.domain = message.domain.string
        model.modelVersion = message.has_model_version != 0 ? message.model_version : nil
        model.docString = message.doc_string.string
        model.metadata = metadata
        model.trainingInfos = trainingInfos
        model.functions = functions
        model.deviceConfigurations = configurations
        return model
      })
  }

  private func operatorSets(
    _ start: UnsafeMutablePointer<UnsafeMutablePointer<Onnx__OperatorSetIdProto>?>?, _ count: Int
  ) throws(FormatError) -> [OperatorSetImport] {
    var imports: [OperatorSetImport] = []
    for message in messages(start, count) {
      guard message.has_version != 0 else {
        throw FormatError(
          .invalid("the operator set \((message.domain.string ?? "").quoted) has no version"))
      }
      imports.append(
        OperatorSetImport(domain: message.domain.string, version: message.version))
    }
    return imports
  }

  private func trainingInfo(_ range: Range<Int>) throws(FormatError) -> TrainingInfo {
    var info = TrainingInfo()
    try read(
      Onnx__TrainingInfoProto.self, range,
      apart: { (field) throws(FormatError) in
        switch field.number {
        case FieldNumber.TrainingInfo.initialization:
          info.initialization = try graph(field.body)
        case FieldNumber.TrainingInfo.algorithm: info.algorithm = try graph(field.body)
        default: return false
        }
        return true
      },
      takeOver: { message in
        info.initializationBindings = entries(
          message.initialization_binding, message.n_initialization_binding)
        info.updateBindings = entries(message.update_binding, message.n_update_binding)
      })
    return info
  }

  private func function(_ range: Range<Int>) throws(FormatError) -> Function {
    var function = Function("", domain: nil, inputs: [], outputs: [], nodes: [])
    do throws(FormatError) {
      try read(
        Onnx__FunctionProto.self, range,
        apart: { (field) throws(FormatError) in
          switch field.number {
          case FieldNumber.Function.node: function.nodes.append(try node(field.body))
          case FieldNumber.Function.attributeDefault:
            function.attributeDefaults.append(try attribute(field.body))
          case FieldNumber.Function.valueInfo:
            function.valueInfos.append(try valueInfo(field.body))
          case FieldNumber.Function.metadata: function.metadata.append(try entry(field.body))
          default: return false
          }
          return true
        },
        takeOver: { (message) throws(FormatError) in
          guard let name = message.name.string else {
            throw FormatError(.invalid("it has no name"))
          }
          function.name = name
          function.domain = message.domain.string
          function.overload = message.overload.string
          function.inputs = strings(message.input, message.n_input)
          function.outputs = strings(message.output, message.n_output)
          function.attributes = strings(message.attribute, message.n_attribute)
          function.operatorSets = try operatorSets(message.opset_import, message.n_opset_import)
          function.docString = message.doc_string.string
        })
    } catch {
      throw error.within("a function")
    }
    return function
  }

  /// Reads a `StringStringEntryProto`.
  func entry(_ range: Range<Int>) throws(FormatError) -> MetadataEntry {
    try read(Onnx__StringStringEntryProto.self, range) { MetadataEntry($0) }
  }

  func entries(
    _ start: UnsafeMutablePointer<UnsafeMutablePointer<Onnx__StringStringEntryProto>?>?,
    _ count: Int
  ) -> [MetadataEntry] {
    messages(start, count).map(MetadataEntry.init)
  }
}

extension MetadataEntry {
  init(_ message: Onnx__StringStringEntryProto) {
    self.init(key: message.key.string ?? "", value: message.value.string ?? "")
    omitsKey = message.key == nil
    omitsValue = message.value == nil
  }
}
