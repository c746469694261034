import ONNXFormat
import ONNXInterpreter
import ONNXOperators

extension Differentiation {
  /// Adds a `Scan` over the slices of `node` in the opposite order: backpropagation through time.
  ///
  /// Its body computes that of `node` again, from the states before each step, which the node of the
  /// forward pass returns as further outputs, and then the body's gradients. It carries the gradients
  /// of states, and the sums of those of captured values.
  /// - Parameters:
  ///   - outputs: the gradient of each output; `nil` where there is none
  ///   - wanted: whether the gradient of each input is wanted
  ///   - isWanted: whether the gradient of a captured value is wanted
  /// - Returns: the node of the forward pass, and values with their gradients.
  func differentiateScan(
    _ node: Node, _ sliced: SlicedValues, label: String, outputs: [String?], wanted: [Bool],
    isWanted: (String) -> Bool, _ builder: inout GraphBuilder
  ) throws(ModelError) -> (forward: Node, gradients: [(value: String, gradient: String)]) {
    let states = node.inputs.count - sliced.inputAxes.count
    guard case .graph(var body)? = node.attribute("body")?.value,
      body.inputs.count == node.inputs.count, body.outputs.count >= states
    else {
      throw .node(
        name: label, operatorType: node.operatorType, .subgraph("the body does not match the node"))
    }
    try checkRepeatable(body, of: node)
    for index in body.inputs.indices {
      body.inputs[index].type = bodyType(of: index, node, states, sliced)
    }
    let (forward, histories) = keepingStates(node, body, states, sliced, &builder)
    let gradients = try backwardScan(
      of: node, body, sliced, histories, outputs: outputs, wanted: wanted, isWanted: isWanted,
      &builder)
    return (forward, gradients)
  }

  /// Adds a `Scan` that differentiates a body step by step, from the last to the first.
  /// - Parameters:
  ///   - node: the node whose inputs are the first states and the values that are sliced, and whose
  ///     outputs are the last states and the stacked outputs
  ///   - body: what maps states and slices to states and outputs, with the types of its inputs
  ///   - histories: the states before each step, stacked along axis 0
  /// - Returns: values with their gradients.
  func backwardScan(
    of node: Node, _ body: Graph, _ sliced: SlicedValues, _ histories: [String],
    outputs: [String?], wanted: [Bool], isWanted: (String) -> Bool,
    _ builder: inout GraphBuilder
  ) throws(ModelError) -> [(value: String, gradient: String)] {
    let states = histories.count
    let captures = closed(body, by: []).captured.filter(isWanted).sorted()
    let slices = (states..<node.inputs.count).filter { wanted[$0] }
    let scanned = (states..<body.outputs.count).filter {
      outputs.indices.contains($0) && outputs[$0] != nil
    }
    let (backward, carried) = try backwardBody(
      body, states: states, wanted: (0..<states).filter { wanted[$0] }, captures: captures,
      slices: slices, scanned: scanned)

    var initial: [String] = []
    for state in carried {
      initial.append(
        outputs[state]
          ?? builder.zeros(like: node.inputs[state], elementType(of: node.inputs[state])))
    }
    for name in captures {
      initial.append(builder.zeros(like: name, elementType(of: name)))
    }
    func opposite(_ directions: [Bool], _ index: Int) -> Int {
      directions.indices.contains(index) && directions[index] ? 0 : 1
    }
    let axes = slices.map { sliced.inputAxes[$0 - states] }
    let directions = slices.map { opposite(sliced.inputDirections, $0 - states) }
    let place = builder.unique("\(node.outputs.first { !$0.isEmpty } ?? "scan")_grad")
    let kept = Array(repeating: 0, count: states)
    let attributes: [Attribute] = [
      .graph("body", isolated(backward, in: place + "/")),
      .int("num_scan_inputs", node.inputs.count + scanned.count),
      .ints(
        "scan_input_axes",
        kept + sliced.inputAxes
          + scanned.map { sliced.outputAxes.isEmpty ? 0 : sliced.outputAxes[$0 - states] }),
      .ints(
        "scan_input_directions",
        kept.map { _ in 1 } + sliced.inputDirections.map { $0 ? 0 : 1 }
          + scanned.map { opposite(sliced.outputDirections, $0 - states) }),
      .ints("scan_output_axes", axes), .ints("scan_output_directions", directions),
    ]
    let values = carried.map { node.inputs[$0] } + captures + slices.map { node.inputs[$0] }
    let gradients = builder.nodes(
      node.operatorType,
      initial + histories + node.inputs[states...] + scanned.compactMap { outputs[$0] },
      attributes, outputs: values.map { "\($0)_grad" }, domain: node.domain)
    return zip(values, gradients).map { ($0, $1) }
  }

  /// The body of the backward pass and the states whose gradients it carries.
  ///
  /// Inputs are the gradients of those states, the sums of the gradients of `captures`, the inputs of
  /// `body`, and the gradients of the outputs `scanned`. Outputs are the gradients of the states, the
  /// sums, and the gradients of the inputs `slices`.
  private func backwardBody(
    _ body: Graph, states: Int, wanted: [Int], captures: [String], slices: [Int], scanned: [Int]
  ) throws(ModelError) -> (body: Graph, carried: [Int]) {
    let (closed, captured) = closed(body, by: captures)
    var inner = try Differentiation(closed, operatorSets: operatorSets, engine: engine)
    let inputs = body.inputs.map(\.name)
    let results = body.outputs.map(\.name)

    // A state counts as soon as it depends on something wanted, be it after several steps.
    var carried = Set(wanted)
    let others = captures + slices.map { inputs[$0] }
    while true {
      let reached = inner.reached(from: others + carried.map { inputs[$0] })
      let all = carried.union((0..<states).filter { reached.contains(results[$0]) })
      if all == carried { break }
      carried = all
    }
    let ordered = carried.sorted()

    var names = GraphBuilder(taken: inner.graph.allNames)
    let sums = captures.map { names.unique("\($0)_sum") }
    let ends = (ordered + scanned).map { output in
      (value: results[output], gradient: names.unique("\(results[output])_grad"))
    }
    let places = ordered.map { inputs[$0] } + captures + slices.map { inputs[$0] }
    let found = try inner.gradients(from: ends, by: places, names)
    var graph = inner.graph
    var tail = GraphBuilder(taken: graph.allNames.union(sums).union(ends.map(\.gradient)))
    graph.outputs = places.enumerated().map { index, name in
      let gradient = found[name] ?? tail.zeros(like: name, inner.elementType(of: name))
      let sum = index - ordered.count
      // A graph's outputs have to come from its own nodes.
      return ValueInfo(
        sums.indices.contains(sum)
          ? tail.add(sums[sum], gradient) : tail.node("Identity", [gradient]), nil)
    }
    graph.nodes += tail.nodes
    graph.initializers += tail.initializers
    graph.initializers.removeAll { captured.contains($0.name ?? "") }
    graph.valueInfos = []
    let gradients = ends.map(\.gradient)
    graph.inputs =
      (gradients[..<ordered.count] + sums + inputs + gradients[ordered.count...])
      .map { ValueInfo($0, nil) }
    return (graph, ordered)
  }

  /// The node with the states before each step as further outputs, stacked along axis 0.
  private func keepingStates(
    _ node: Node, _ body: Graph, _ states: Int, _ sliced: SlicedValues,
    _ builder: inout GraphBuilder
  ) -> (node: Node, histories: [String]) {
    var (node, body) = (node, body)
    while node.outputs.count < body.outputs.count {
      node.outputs.append(builder.unique("\(node.outputs[0])_unused"))
    }
    let histories = node.inputs[..<states].map { builder.unique("\($0)_steps") }
    node.outputs += histories
    for input in body.inputs[..<states] {
      let copy = builder.unique("\(input.name)_before")
      var identity = Node("Identity", inputs: [input.name], outputs: [copy])
      identity.operatorSetVersion = GraphBuilder.operatorSet
      body.nodes.append(identity)
      body.outputs.append(ValueInfo(copy, nil))
    }
    let zeros = Array(repeating: 0, count: states)
    for index in node.attributes.indices {
      switch (node.attributes[index].name, node.attributes[index].value) {
      case ("body", _): node.attributes[index].value = .graph(body)
      case ("scan_output_axes", .ints), ("scan_output_directions", .ints):
        let list =
          node.attributes[index].name.hasSuffix("axes")
          ? sliced.outputAxes : sliced.outputDirections.map { $0 ? 1 : 0 }
        if !list.isEmpty {
          node.attributes[index] = .ints(node.attributes[index].name, list + zeros)
        }
      default: break
      }
    }
    return (node, histories)
  }

  /// The type of an input of the body, as far as it is the same in all steps.
  private func bodyType(
    of input: Int, _ node: Node, _ states: Int, _ sliced: SlicedValues
  ) -> ValueType? {
    // The type of a state's last value is joined with that of its first.
    if input < states {
      let output = node.outputs.indices.contains(input) ? node.outputs[input] : ""
      return types[output]
        ?? types[node.inputs[input]].flatMap(\.tensorType).map {
          .tensor($0.elementType, nil)
        }
    }
    guard var type = types[node.inputs[input]]?.tensorType else { return nil }
    if var shape = type.shape, shape.rank > 0 {
      let axis = sliced.inputAxes[input - states]
      let place = axis < 0 ? axis + shape.rank : axis
      if shape.dimensions.indices.contains(place) { shape.dimensions.remove(at: place) }
      type.shape = shape
    }
    return .tensor(type)
  }

  private func elementType(of name: String) -> ElementType {
    types[name]?.tensorType?.elementType ?? .float32
  }

  /// - Throws: `ModelError.node` for an operator that draws random numbers, which a second run would
  ///   draw anew
  func checkRepeatable(_ body: Graph, of repeated: Node) throws(ModelError) {
    for (index, node) in body.nodes.atAnyDepth.enumerated() {
      let fail: (OperatorError) -> ModelError = {
        .node(name: node.label(at: index), operatorType: node.operatorType, $0)
      }
      let version = try operatorSets.version(for: node, fail)
      let made: any Operator
      do { made = try engine.registry.make(node, operatorSet: version).operator } catch {
        throw fail(error)
      }
      guard made.isPure else {
        throw fail(
          .unsupported("the gradient of a \(repeated.operatorType) whose body draws random numbers")
        )
      }
    }
  }
}
