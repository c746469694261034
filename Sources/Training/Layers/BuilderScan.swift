import ONNXFormat
import ONNXInterpreter
import ONNXOperators

extension ModelBuilder {
  /// Adds a `Scan` node, whose body is run for each slice of some values.
  /// - Parameters:
  ///   - name: The scope of the body's names.
  ///   - states: The values of the states before the first step.
  ///   - values: The values to slice, each with its axis.
  ///   - outputAxis: The axis along which the outputs are stacked.
  ///   - isReversed: Whether slices are taken from the last to the first. Outputs are then stacked from
  ///     the last to the first as well, so that they are in the order of the slices.
  ///   - body: Adds the nodes of one step. It may use values from outside.
  /// - Returns: The states after the last step, and the stacked outputs.
  /// - Throws: `ModelError` if the body throws it, or changes the type of a state.
  func scan(
    _ name: String, states: [Signal], over values: [(signal: Signal, axis: Int)],
    outputAxis: Int = 0, isReversed: Bool = false,
    _ body: (ModelBuilder, _ states: [Signal], _ slices: [Signal]) throws(ModelError) -> (
      states: [Signal], outputs: [Signal]
    )
  ) throws(ModelError) -> (states: [Signal], outputs: [Signal]) {
    let outside = builder
    let (before, results, graph) = try scope(name) { m throws(ModelError) in
      m.builder = GraphBuilder(taken: Set(outside.nodes.flatMap(\.outputs)))
      defer { m.builder = outside }
      let before = states.map { state in
        Signal(
          builder: m, name: m.builder.unique(m.scoped("state")), elementType: state.elementType,
          shape: state.shape)
      }
      let slices = values.map { value, axis in
        var shape = value.shape
        shape.dimensions.remove(at: axis)
        return Signal(
          builder: m, name: m.builder.unique(m.scoped("slice")), elementType: value.elementType,
          shape: shape)
      }
      let results = try body(m, before, slices)
      func info(_ signal: Signal) -> ValueInfo {
        ValueInfo(signal.name, .tensor(signal.elementType, signal.shape))
      }
      let graph = Graph(
        name: m.scoped("body"), nodes: m.builder.nodes, inputs: (before + slices).map(info),
        outputs: (results.states + results.outputs).map(info),
        initializers: m.builder.initializers)
      return (before, results, graph)
    }
    for name in graph.allNames { _ = builder.unique(name) }
    for (old, new) in zip(before, results.states) where old.elementType != new.elementType {
      throw error("the state of a Scan changes from \(old.elementType) to \(new.elementType)")
    }
    let axes = values.map(\.axis)
    let directions = values.map { _ in isReversed ? 1 : 0 }
    let names = builder.nodes(
      "Scan", (states + values.map(\.signal)).map(\.name),
      [
        .graph("body", graph), .int("num_scan_inputs", values.count),
        .ints("scan_input_axes", axes), .ints("scan_input_directions", directions),
        .ints("scan_output_axes", results.outputs.map { _ in outputAxis }),
        .ints("scan_output_directions", results.outputs.map { _ in isReversed ? 1 : 0 }),
      ], outputs: (results.states + results.outputs).map { _ in scoped(name) })
    let length = values.first.map { $0.signal.shape[$0.axis] } ?? .unknown
    let signals = zip(names, results.states + results.outputs).enumerated().map { index, pair in
      var shape = index < states.count ? states[index].shape : pair.1.shape
      if index >= states.count { shape.dimensions.insert(length, at: outputAxis) }
      return Signal(builder: self, name: pair.0, elementType: pair.1.elementType, shape: shape)
    }
    return (Array(signals[..<states.count]), Array(signals[states.count...]))
  }
}
