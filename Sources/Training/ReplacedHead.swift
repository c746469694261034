import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXOperators

extension Model {
  /// The model with a new last layer for another number of classes. The last `Gemm`, `MatMul` or
  /// `Conv` before the first output gets new weights and a new bias, drawn as PyTorch draws them.
  /// - Throws: `TrainingError.model` if there is no such layer or its weights are not constant,
  ///   `TrainingError.interpreter` if the model does not run.
  public func replacingHead(classes: Int, seed: UInt64) throws(TrainingError) -> Model {
    try replacingHeadParameters(classes: classes, seed: seed).model
  }

  /// The model with a new last layer, and the names of the layer's weights and bias.
  /// - Throws: `TrainingError` as `replacingHead`
  package func replacingHeadParameters(
    classes: Int, seed: UInt64
  ) throws(TrainingError) -> (model: Model, parameters: [String]) {
    var model = try TrainingError.wrapping { () throws(ModelError) in
      try withWeightsAsInitializers()
    }
    guard let output = model.graph.outputs.first else {
      throw .model("the model has no output")
    }
    var name = output.name
    var reshapes: [Int] = []
    let noHead = TrainingError.model(
      "the model does not end in a Gemm, MatMul or Conv that could be replaced")
    while true {
      guard let index = model.graph.nodes.firstIndex(where: { $0.outputs.contains(name) }) else {
        throw noHead
      }
      let node = model.graph.nodes[index]
      if ["Gemm", "MatMul", "Conv"].contains(node.operatorType) { break }
      if node.operatorType == "Reshape" { reshapes.append(index) }
      // A bias may be the first operand of the sum behind the layer.
      let computed = Set(model.graph.nodes.flatMap(\.outputs))
      guard let next = node.inputs.first(where: computed.contains) else { throw noHead }
      name = next
    }
    guard let index = model.graph.nodes.firstIndex(where: { $0.outputs.contains(name) }) else {
      throw noHead
    }
    let head = try model.replaceWeights(of: model.graph.nodes[index], classes, seed: seed)
    for reshape in reshapes { try model.replaceSize(head.oldClasses, classes, ofReshape: reshape) }
    if var type = output.type?.tensorType, var shape = type.shape {
      let axis = shape.rank == 4 ? 1 : shape.rank - 1
      if axis >= 0 { shape[axis] = .size(classes) }
      type.shape = shape
      model.graph.outputs[0].type = .tensor(type)
    }
    model.graph.valueInfos = []
    return (model, head.parameters)
  }

  /// Replaces the number of classes in the constant shape of a `Reshape` behind the head.
  private mutating func replaceSize(
    _ oldClasses: Int, _ classes: Int, ofReshape index: Int
  ) throws(TrainingError) {
    let node = graph.nodes[index]
    guard node.inputs.count > 1 else { return }
    let name = node.inputs[1]
    var shape = graph.initializers.first { $0.name == name }?.tensor
    if let constant = graph.nodes.first(where: { $0.outputs.contains(name) }),
      case .tensor(let value)? = constant.attribute("value")?.value
    {
      shape = value.tensor
    }
    guard let shape, shape.elementType == .int64 else { return }
    let sizes = shape.elements(as: Int64.self).map {
      $0 == Int64(oldClasses) ? Int64(classes) : $0
    }
    var builder = GraphBuilder(taken: graph.allNames)
    graph.nodes[index].inputs[1] = builder.constant(
      Tensor(shape: shape.shape, sizes), hint: "\(name)_of_head")
    graph.initializers += builder.initializers
  }

  private mutating func replaceWeights(
    of node: Node, _ classes: Int, seed: UInt64
  ) throws(TrainingError) -> (parameters: [String], oldClasses: Int) {
    let (weights, isTurned) = graph.origin(ofWeights: node.inputs[1])
    guard let index = graph.initializers.firstIndex(where: { $0.name == weights }) else {
      throw .model("the weights '\(weights)' of the last layer are not an initializer")
    }
    let old = graph.initializers[index].tensor
    let isTransposed: Bool
    switch node.operatorType {
    case "Gemm":
      isTransposed =
        if case .int(1)? = node.attribute("transB")?.value { !isTurned } else { isTurned }
    case "Conv": isTransposed = true
    default: isTransposed = isTurned
    }
    guard old.shape.count >= 2, old.elementType == .float32 || old.elementType == .float64 else {
      throw .model("'\(weights)': expected a float32 or float64 matrix, got \(old.type)")
    }
    var shape = old.shape
    shape[isTransposed ? 0 : shape.count - 1] = classes
    let fanIn = old.count / max(1, old.shape[isTransposed ? 0 : old.shape.count - 1])
    replace(index, by: drawn(old, shape, fanIn, seed, weights))
    let oldClasses = old.shape[isTransposed ? 0 : old.shape.count - 1]
    guard let bias = bias(of: node) else { return ([weights], oldClasses) }
    try replaceBias(bias, oldClasses, classes, fanIn, seed)
    return ([weights, bias], oldClasses)
  }

  /// The layer's bias: its own input, or the operand of an `Add` behind it.
  private func bias(of node: Node) -> String? {
    if node.inputs.count > 2, !node.inputs[2].isEmpty { return node.inputs[2] }
    return graph.nodes.first {
      $0.operatorType == "Add" && $0.inputs.contains(node.outputs[0])
    }?.inputs.first { $0 != node.outputs[0] }
  }

  private mutating func replaceBias(
    _ name: String, _ oldClasses: Int, _ classes: Int, _ fanIn: Int, _ seed: UInt64
  ) throws(TrainingError) {
    guard let index = graph.initializers.firstIndex(where: { $0.name == name }) else {
      throw .model("the bias '\(name)' of the last layer is not an initializer")
    }
    let old = graph.initializers[index].tensor
    var shape = old.shape
    // A bias shared by all classes stays as it is.
    guard let axis = shape.lastIndex(of: oldClasses) else { return }
    shape[axis] = classes
    replace(index, by: drawn(old, shape, fanIn, seed, name))
  }

  /// Replaces an initializer. Files of IR version 3 and older declare it among the inputs as well.
  private mutating func replace(_ index: Int, by tensor: Tensor) {
    graph.initializers[index].tensor = tensor
    let name = graph.initializers[index].name
    for input in graph.inputs.indices where graph.inputs[input].name == name {
      graph.inputs[input].type = .tensor(tensor.type)
    }
  }

  /// Elements drawn uniformly from `±1 / √fanIn`, of the element type of `old`.
  private func drawn(
    _ old: Tensor, _ shape: [Int], _ fanIn: Int, _ seed: UInt64, _ name: String
  ) -> Tensor {
    var random = RandomStream(seed: seed, name: name)
    let bound = 1 / Double(max(fanIn, 1)).squareRoot()
    let numbers = (0..<(shape.elementCount ?? 0)).map { _ in random.uniform(-bound, bound) }
    return old.elementType == .float64
      ? Tensor(shape: shape, numbers) : Tensor(shape: shape, numbers.map(Float.init))
  }
}

extension Graph {
  /// The initializer that a weight is, perhaps transposed by nodes in between.
  fileprivate func origin(ofWeights name: String) -> (name: String, isTransposed: Bool) {
    var (name, isTransposed) = (name, false)
    while let node = nodes.first(where: { $0.outputs.contains(name) }),
      ["Transpose", "Identity"].contains(node.operatorType), let input = node.inputs.first
    {
      if node.operatorType == "Transpose" { isTransposed.toggle() }
      name = input
    }
    return (name, isTransposed)
  }
}
