import ONNX

extension Model {
  /// The model with all float16 and bfloat16 values in float32.
  /// - Parameter operators: operators that this package lacks, as in `SessionOptions.operators`
  /// - Throws: `ModelError` where the result is invalid
  public func widened(operators: [any Operator.Type] = []) throws(ModelError) -> Model {
    var result = self
    for narrow in [ElementType.float16, .bfloat16] { result.graph.retype(from: narrow) }
    try result.check(operators)
    return result
  }
}

extension Tensor {
  /// The tensor in float32; `nil` for types other than float16 and bfloat16, and when memory runs out.
  fileprivate var widened: Tensor? {
    switch elementType {
    case .float16:
      let source = elements(as: Float16.self)
      return try? Tensor(Float.self, shape: shape) { target in
        for (index, number) in source.enumerated() { target[index] = Float(number) }
      }
    case .bfloat16:
      let source = elements(as: BFloat16.self)
      return try? Tensor(Float.self, shape: shape) { target in
        for (index, number) in source.enumerated() { target[index] = number.float }
      }
    default: return nil
    }
  }
}

extension Graph {
  /// Changes every value, constant and cast of a type to float32, including those of subgraphs.
  fileprivate mutating func retype(from narrow: ElementType) {
    func retype(_ infos: inout [ValueInfo]) {
      for index in infos.indices { infos[index].type = infos[index].type?.retyped(from: narrow) }
    }
    retype(&inputs)
    retype(&outputs)
    retype(&valueInfos)
    for index in initializers.indices where initializers[index].tensor.elementType == narrow {
      if let wide = initializers[index].tensor.widened { initializers[index].tensor = wide }
    }
    for index in nodes.indices {
      for place in nodes[index].attributes.indices {
        switch nodes[index].attributes[place].value {
        case .graph(var graph):
          graph.retype(from: narrow)
          nodes[index].attributes[place].value = .graph(graph)
        case .tensor(var named) where named.tensor.elementType == narrow:
          guard let wide = named.tensor.widened else { continue }
          named.tensor = wide
          nodes[index].attributes[place].value = .tensor(named)
        case .int(Int64(narrow.rawValue))
        where ["to", "dtype", "output_dtype"].contains(nodes[index].attributes[place].name):
          nodes[index].attributes[place].value = .int(Int64(ElementType.float32.rawValue))
        default: break
        }
      }
    }
  }
}

extension ValueType {
  fileprivate func retyped(from narrow: ElementType) -> ValueType {
    var result = self
    switch kind {
    case .tensor(let type) where type.elementType == narrow:
      result.kind = .tensor(TensorType(.float32, type.shape))
    case .sequence(let element): result.kind = .sequence(element?.retyped(from: narrow))
    case .optional(let element): result.kind = .optional(element?.retyped(from: narrow))
    default: break
    }
    return result
  }
}
