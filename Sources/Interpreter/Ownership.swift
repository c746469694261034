import ONNXFormat

/// The tensors of a model that only its session holds. The session may write to their memory and give
/// it back.
struct Ownership: Sendable {
  /// Storages that somebody besides the model held when the session took it.
  private let shared: Set<ObjectIdentifier>

  /// Looks at the references to the weights of a model that the session has taken. Tensors inside
  /// subgraphs are left out: a session of a model with subgraphs owns nothing.
  init(of model: inout Model) {
    var shared: Set<ObjectIdentifier> = []
    func look(_ tensor: inout Tensor) {
      if !tensor.hasUniqueStorage() { shared.insert(ObjectIdentifier(tensor.storage)) }
    }
    for index in model.graph.initializers.indices {
      look(&model.graph.initializers[index].tensor)
    }
    for index in model.graph.nodes.indices { model.graph.nodes[index].forEachTensor(look) }
    for function in model.functions.indices {
      for index in model.functions[function].nodes.indices {
        model.functions[function].nodes[index].forEachTensor(look)
      }
    }
    self.shared = shared
  }

  /// Whether nobody but the session holds the tensor's memory.
  func owns(_ tensor: Tensor) -> Bool { !shared.contains(ObjectIdentifier(tensor.storage)) }
}

extension Node {
  /// Calls `body` with each tensor among the attributes, while nothing else of the node refers to it.
  fileprivate mutating func forEachTensor(_ body: (inout Tensor) -> Void) {
    for index in attributes.indices {
      switch attributes[index].value {
      case .tensor(var tensor):
        attributes[index].value = .int(0)
        body(&tensor.tensor)
        attributes[index].value = .tensor(tensor)
      case .tensors(var tensors):
        attributes[index].value = .int(0)
        for place in tensors.indices { body(&tensors[place].tensor) }
        attributes[index].value = .tensors(tensors)
      default: break
      }
    }
  }
}
