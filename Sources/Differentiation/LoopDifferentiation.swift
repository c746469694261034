import ONNXFormat
import ONNXInterpreter
import ONNXOperators

extension Differentiation {
  /// Adds a `Scan` over the iterations of `node` in the opposite order.
  ///
  /// The node of the forward pass returns the carried values before each iteration, and its number, as
  /// further scan outputs. Their length is the number of iterations that it has run, however it ends.
  /// - Parameters:
  ///   - outputs: the gradient of each output; `nil` where there is none
  ///   - wanted: whether the gradient of each input is wanted
  ///   - isWanted: whether the gradient of a captured value is wanted
  /// - Returns: the node of the forward pass, and values with their gradients.
  func differentiateLoop(
    _ node: Node, label: String, outputs: [String?], wanted: [Bool],
    isWanted: (String) -> Bool, _ builder: inout GraphBuilder
  ) throws(ModelError) -> (forward: Node, gradients: [(value: String, gradient: String)]) {
    func fail(_ error: OperatorError) -> ModelError {
      .node(name: label, operatorType: node.operatorType, error)
    }
    let carried = node.inputs.dropFirst(2)
    guard case .graph(let body)? = node.attribute("body")?.value,
      body.inputs.count == carried.count + 2, body.outputs.count > carried.count
    else { throw fail(.subgraph("the body does not match the node")) }
    for name in carried where types[name].map({ $0.tensorType == nil }) ?? false {
      throw fail(
        .unsupported(
          "the gradient of a \(node.operatorType) that carries '\(name)', which is not a tensor"))
    }
    try checkRepeatable(body, of: node)
    let (forward, histories, iterations) = keepingIterations(node, body, &builder)

    // The condition was true in every iteration that has run.
    var step = body
    let (number, condition) = (body.inputs[0], body.inputs[1])
    step.inputs = Array(body.inputs[2...]) + [number]
    for (index, name) in carried.enumerated() {
      let output = node.outputs.indices.contains(index) ? node.outputs[index] : ""
      step.inputs[index].type =
        types[output]
        ?? types[name]?.tensorType.map { .tensor($0.elementType, nil) }
    }
    step.inputs[carried.count].type = .tensor(.int64, [] as Shape)
    step.initializers.append(NamedTensor(condition.name, Tensor(true)))
    step.outputs.removeFirst()
    let scan = Node("Scan", inputs: Array(carried) + [iterations], outputs: node.outputs)
    let gradients = try backwardScan(
      of: scan, step,
      SlicedValues(
        inputAxes: [0], inputDirections: [false], outputAxes: [], outputDirections: []),
      histories, outputs: outputs, wanted: Array(wanted.dropFirst(2)) + [false], isWanted: isWanted,
      &builder)
    return (forward, gradients)
  }

  /// The node with the carried values before each iteration, and its number, as further scan outputs.
  private func keepingIterations(
    _ node: Node, _ body: Graph, _ builder: inout GraphBuilder
  ) -> (node: Node, histories: [String], iterations: String) {
    var (node, body) = (node, body)
    while node.outputs.count < body.outputs.count - 1 {
      node.outputs.append(builder.unique("\(node.outputs[0])_unused"))
    }
    let histories = node.inputs.dropFirst(2).map { builder.unique("\($0)_steps") }
    let iterations = builder.unique("\(node.outputs[0])_iterations")
    node.outputs += histories + [iterations]
    for input in body.inputs[2...] + [body.inputs[0]] {
      let copy = builder.unique("\(input.name)_before")
      var identity = Node("Identity", inputs: [input.name], outputs: [copy])
      identity.operatorSetVersion = GraphBuilder.operatorSet
      body.nodes.append(identity)
      body.outputs.append(ValueInfo(copy, nil))
    }
    for index in node.attributes.indices where node.attributes[index].name == "body" {
      node.attributes[index].value = .graph(body)
    }
    return (node, histories, iterations)
  }
}
