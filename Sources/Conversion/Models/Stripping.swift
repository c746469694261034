import ONNX

extension Model {
  /// The model without doc strings, metadata, the producer, and types of intermediate values.
  public func stripped() -> Model {
    var result = self
    result.docString = nil
    result.metadata = []
    result.producerName = nil
    result.producerVersion = nil
    result.graph.strip()
    for index in result.functions.indices {
      result.functions[index].docString = nil
      result.functions[index].metadata = []
      result.functions[index].valueInfos = []
      for place in result.functions[index].nodes.indices {
        result.functions[index].nodes[place].strip()
      }
    }
    for index in result.trainingInfos.indices {
      result.trainingInfos[index].initialization?.strip()
      result.trainingInfos[index].algorithm?.strip()
    }
    return result
  }
}

extension Graph {
  fileprivate mutating func strip() {
    docString = nil
    metadata = []
    valueInfos = []
    for index in inputs.indices { inputs[index].strip() }
    for index in outputs.indices { outputs[index].strip() }
    for index in initializers.indices { initializers[index].strip() }
    for index in nodes.indices { nodes[index].strip() }
  }
}

extension ValueInfo {
  fileprivate mutating func strip() {
    docString = nil
    metadata = []
  }
}

extension NamedTensor {
  fileprivate mutating func strip() {
    docString = nil
    metadata = []
  }
}

extension Node {
  fileprivate mutating func strip() {
    docString = nil
    metadata = []
    for index in attributes.indices {
      attributes[index].docString = nil
      switch attributes[index].value {
      case .graph(var graph):
        graph.strip()
        attributes[index].value = .graph(graph)
      case .graphs(var graphs):
        for place in graphs.indices { graphs[place].strip() }
        attributes[index].value = .graphs(graphs)
      case .tensor(var tensor):
        tensor.strip()
        attributes[index].value = .tensor(tensor)
      default: break
      }
    }
  }
}
