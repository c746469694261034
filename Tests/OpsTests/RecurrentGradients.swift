import ONNX
import Testing

/// A node's outputs, and the gradients of `Σ w · y` over them with respect to its inputs, with fixed
/// weights w.
struct RecurrentGradients {
  var outputs: [Tensor?] = []
  /// The gradient of each input, by its position.
  var gradients: [Int: Tensor] = [:]

  /// - Parameter freeBatch: whether the graph is made before the batch size is known
  init<T: BinaryFloatingPoint & Element>(
    _ node: Node, _ inputs: [Tensor?], _ type: T.Type, threads: Int = 1, freeBatch: Bool = false
  ) throws {
    let element = try #require(inputs[0]).elementType
    let given = zip(node.inputs, inputs).compactMap { name, tensor in
      tensor.map { (name: name, tensor: $0) }
    }
    let by = given.filter { $0.tensor.elementType == element }.map(\.name)
    var graph = Graph(
      nodes: [node],
      inputs: given.map { name, tensor in
        guard freeBatch, name == "X" else { return ValueInfo(name, .tensor(tensor.type)) }
        return ValueInfo(
          name, .tensor(element, [.size(tensor.shape[0]), .unknown, .size(tensor.shape[2])]))
      }, outputs: [])
    let names = node.outputs.filter { !$0.isEmpty }
    var builder = GraphBuilder(taken: Set(node.inputs + node.outputs))
    var options = SessionOptions()
    options.threads = threads
    let sets = [OperatorSetImport(version: 22)]
    let values = Dictionary(uniqueKeysWithValues: given.map { ($0.name, $0.tensor) })
    graph.outputs = names.map { ValueInfo($0, nil) }
    let plain = try Session(Model(graph: graph, operatorSets: sets), options: options).run(values)
    var terms: [String] = []
    for (index, name) in names.enumerated() {
      let y = try #require(plain[name])
      let weights = Tensor(
        shape: y.shape, (0..<y.count).map { T(0.5 + Double(($0 * 7 + index) % 11) / 8) - 1 })
      terms.append(
        builder.reduceSum(builder.mul(name, builder.constant(weights)), keepAxes: false))
    }
    let loss = terms.dropFirst().reduce(terms[0]) { builder.add($0, $1) }
    graph.nodes += builder.nodes
    graph.initializers += builder.initializers
    var differentiation = try Differentiation(Model(graph: graph, operatorSets: sets))
    let found = try differentiation.gradients(of: loss, by: by)
    var full = differentiation.graph
    full.outputs = (names + found.values.sorted()).map { ValueInfo($0, nil) }
    let results = try Session(Model(graph: full, operatorSets: sets), options: options).run(values)
    outputs = node.outputs.map { results[$0] }
    for (index, name) in node.inputs.enumerated() {
      if let gradient = found[name] { gradients[index] = results[gradient] }
    }
  }
}
