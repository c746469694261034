internal import COnnx

extension MessageReader {
  func graph(_ range: Range<Int>) throws(FormatError) -> Graph {
    var graph = Graph()
    try reserve(range, &graph)
    try read(
      Onnx__GraphProto.self, range,
      apart: { (field) throws(FormatError) in
        switch field.number {
        case FieldNumber.Graph.node: graph.nodes.append(try node(field.body))
        case FieldNumber.Graph.initializer: graph.initializers.append(try tensor(field.body))
        case FieldNumber.Graph.sparseInitializer:
          graph.sparseInitializers.append(try sparseTensor(field.body))
        case FieldNumber.Graph.input: graph.inputs.append(try valueInfo(field.body))
        case FieldNumber.Graph.output: graph.outputs.append(try valueInfo(field.body))
        case FieldNumber.Graph.valueInfo: graph.valueInfos.append(try valueInfo(field.body))
        case FieldNumber.Graph.annotation:
          graph.quantizationAnnotations.append(try annotation(field.body))
        case FieldNumber.Graph.metadata: graph.metadata.append(try entry(field.body))
        default: return false
        }
        return true
      },
      takeOver: { message in
        graph.name = message.name.string
        graph.docString = message.doc_string.string
      })
    return graph
  }

  /// Reserves the exact capacity of the long lists. Appending without it takes up to three times their
  /// memory.
  private func reserve(_ range: Range<Int>, _ graph: inout Graph) throws(FormatError) {
    var nodes = 0
    var initializers = 0
    var valueInfos = 0
    var position = range.lowerBound
    while position < range.upperBound {
      switch try source.field(at: &position, end: range.upperBound).number {
      case FieldNumber.Graph.node: nodes += 1
      case FieldNumber.Graph.initializer: initializers += 1
      case FieldNumber.Graph.valueInfo: valueInfos += 1
      default: break
      }
    }
    graph.nodes.reserveCapacity(nodes)
    graph.initializers.reserveCapacity(initializers)
    graph.valueInfos.reserveCapacity(valueInfos)
  }

  func node(_ range: Range<Int>) throws(FormatError) -> Node {
    var attributes: [Attribute] = []
    do throws(FormatError) {
      return try read(
        Onnx__NodeProto.self, range,
        apart: { (field) throws(FormatError) in
          guard field.number == FieldNumber.Node.attribute else { return false }
          attributes.append(try attribute(field.body))
          return true
        },
        takeOver: { (message) throws(FormatError) in
          guard let operatorType = message.op_type.string else {
            throw FormatError(.invalid("it has no operator type"))
          }
          var node = Node(
            operatorType, domain: message.domain.string, name: message.name.string,
            inputs: strings(message.input, message.n_input),
            outputs: strings(message.output, message.n_output), attributes: attributes)
          node.overload = message.overload.string
          node.docString = message.doc_string.string
          node.metadata = entries(message.metadata_props, message.n_metadata_props)
          node.deviceConfigurations = messages(
            message.device_configurations, message.n_device_configurations
          ).map(NodeDeviceConfiguration.init)
          return node
        })
    } catch {
      throw error.within(describeNode(range))
    }
  }

  /// The node's name and operator for an error message, as far as they can be read.
  private func describeNode(_ range: Range<Int>) -> String {
    var name: String?
    var operatorType: String?
    var position = range.lowerBound
    while position < range.upperBound,
      let field = try? source.field(at: &position, end: range.upperBound)
    {
      guard field.type == .bytes, field.body.count < 1 << 16 else { continue }
      if field.number == FieldNumber.Node.name || field.number == FieldNumber.Node.operatorType,
        let bytes = try? source.bytes(field.body)
      {
        let text = String(decoding: bytes, as: UTF8.self)
        if field.number == FieldNumber.Node.name { name = text } else { operatorType = text }
      }
    }
    return "node \((name ?? "").quoted) (\(operatorType.map { String($0.prefix(100)) } ?? "?"))"
  }

  func valueInfo(_ range: Range<Int>) throws(FormatError) -> ValueInfo {
    try read(Onnx__ValueInfoProto.self, range) { (message) throws(FormatError) in
      guard let name = message.name.string else {
        throw FormatError(.invalid("a value has no name"))
      }
      do throws(FormatError) {
        var info = ValueInfo(name, nil)
        if let type = message.type?.pointee { info.type = try ValueType(type) }
        info.docString = message.doc_string.string
        info.metadata = entries(message.metadata_props, message.n_metadata_props)
        return info
      } catch {
        throw error.within("value \(name.quoted)")
      }
    }
  }

  private func annotation(_ range: Range<Int>) throws(FormatError) -> TensorAnnotation {
    try read(Onnx__TensorAnnotation.self, range) { message in
      TensorAnnotation(
        tensorName: message.tensor_name.string,
        parameters: entries(
          message.quant_parameter_tensor_names, message.n_quant_parameter_tensor_names))
    }
  }
}
