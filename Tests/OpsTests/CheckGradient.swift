import ONNX
import Testing

/// Compares the gradient of a node with finite differences in float64: that of `Σ w · y` over all
/// floating-point outputs, with fixed weights `w`, with respect to each input in `by`.
///
/// - Parameters:
///   - inputs: the inputs, float64 if their gradient is checked; `nil` if omitted
///   - by: the inputs to differentiate with respect to; `nil` for all float64 inputs
///   - outputs: the outputs in the sum; `nil` for all that the node names
///   - tolerance: the largest difference, relative to the gradient's largest element or 1
/// - Returns: the gradients by input.
@discardableResult
func checkGradient(
  _ node: Node, _ inputs: [Tensor?], by chosen: [Int]? = nil, outputs weighed: [Int]? = nil,
  opset: Int64 = 20, step: Double = 1e-5, tolerance: Double = 1e-6,
  sourceLocation: SourceLocation = #_sourceLocation
) throws -> [Int: Tensor] {
  var node = node
  node.inputs = inputs.indices.map { inputs[$0] == nil ? "" : "input\($0)" }
  let given = inputs.enumerated().compactMap { index, tensor in
    tensor.map { (name: "input\(index)", index: index, tensor: $0) }
  }
  let by = chosen ?? given.filter { $0.tensor.elementType == .float64 }.map(\.index)
  let indices = weighed ?? node.outputs.indices.filter { !node.outputs[$0].isEmpty }

  // Inputs are constants if possible, as shapes and axes are in real models.
  var graph = Graph(
    nodes: [node],
    inputs: given.filter { by.contains($0.index) }.map {
      ValueInfo($0.name, .tensor($0.tensor.type))
    },
    outputs: indices.map { ValueInfo(node.outputs[$0], nil) },
    initializers: given.filter { !by.contains($0.index) }.map { NamedTensor($0.name, $0.tensor) })
  func model(_ graph: Graph) -> Model {
    Model(
      graph: graph,
      operatorSets: [
        OperatorSetImport(version: opset), OperatorSetImport(domain: "ai.onnx.ml", version: 3),
        OperatorSetImport(domain: "ai.onnx.preview.training", version: 1),
        OperatorSetImport(domain: "com.microsoft", version: 1),
      ])
  }
  var options = SessionOptions()
  options.passes = []
  let values = Dictionary(
    uniqueKeysWithValues: given.filter { by.contains($0.index) }.map { ($0.name, $0.tensor) })
  let results = try Session(model(graph), options: options).run(values)

  var builder = GraphBuilder(taken: Set(given.map(\.name) + node.outputs + ["loss"]))
  var terms: [String] = []
  for index in indices {
    let result = try #require(results[node.outputs[index]])
    guard result.elementType == .float64 else { continue }
    let weights = (0..<result.count).map { 0.3 + Double(($0 * 7 + index) % 11) / 7 }
    let weight = builder.constant(Tensor(shape: result.shape, weights))
    terms.append(
      builder.reduceSum(builder.mul(node.outputs[index], weight), keepAxes: false))
  }
  let loss = terms.dropFirst().reduce(terms[0]) { builder.add($0, $1) }
  graph.nodes += builder.nodes
  graph.initializers += builder.initializers
  graph.outputs = [ValueInfo(loss, nil)]
  let forward = try Session(model(graph), options: options)
  func value(_ values: [String: Tensor]) throws -> Double {
    try #require(try forward.run(values)[loss]).array(as: Double.self)[0]
  }

  var differentiation = try Differentiation(model(graph))
  let names = try differentiation.gradients(of: loss, by: by.map { "input\($0)" })
  var full = differentiation.graph
  full.outputs = names.values.sorted().map { ValueInfo($0, nil) }
  let gradients = try Session(model(full)).run(values)

  var found: [Int: Tensor] = [:]
  for index in by {
    let tensor = try #require(inputs[index])
    var elements = try tensor.array(as: Double.self)
    let gradient = try names["input\(index)"].map { try #require(gradients[$0]) }
    if let gradient {
      #expect(
        gradient.shape == tensor.shape, "shape of the gradient by input \(index)",
        sourceLocation: sourceLocation)
    }
    let actual = try gradient?.array(as: Double.self) ?? Array(repeating: 0, count: tensor.count)
    guard actual.count == tensor.count else { continue }
    var wanted: [Double] = []
    for i in elements.indices {
      let old = elements[i]
      var values = values
      func at(_ x: Double) throws -> Double {
        elements[i] = x
        values["input\(index)"] = Tensor(shape: tensor.shape, elements)
        return try value(values)
      }
      let h = step * max(1, abs(old))
      // Fourth order, so that the error of the step is far below the tolerance.
      wanted.append(
        (8 * (try at(old + h) - at(old - h)) - (try at(old + 2 * h) - at(old - 2 * h))) / (12 * h))
      elements[i] = old
    }
    let scale = max(1, wanted.map(abs).max() ?? 1)
    for (i, (a, w)) in zip(actual, wanted).enumerated() {
      #expect(
        abs(a - w) <= tolerance * scale,
        "input \(index), element \(i): gradient \(a), differences \(w)",
        sourceLocation: sourceLocation)
    }
    found[index] = gradient
  }
  return found
}

/// Pseudo-random numbers in a range, the same in every run.
func doubles(_ shape: [Int], from low: Double = -1, to high: Double = 1, seed: UInt64 = 1) -> Tensor
{
  var state = seed &* 0x9E37_79B9_7F4A_7C15
  let values = (0..<shape.reduce(1, *)).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return low + (high - low) * Double(state >> 11) / Double(1 << 53)
  }
  return Tensor(shape: shape, values)
}
