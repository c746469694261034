import ONNX
import Testing

/// Gradients of the losses.
@Suite struct LossGradientTests {
  private func node(_ name: String, _ attributes: [Attribute], outputs: Int = 1) -> Node {
    Node(
      name, inputs: [], outputs: ["y", "logarithms"].prefix(outputs) + [], attributes: attributes)
  }

  @Test(
    arguments: ["SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"], ["none", "sum", "mean"])
  func ofScores(name: String, reduction: String) throws {
    let labels = Tensor(shape: [4], [2, 0, 1, 2] as [Int64])
    let weights = Tensor(shape: [3], [0.5, 2, 0.25] as [Double])
    let x = doubles([4, 3], from: -2, to: 2)
    var attributes: [Attribute] = [.string("reduction", reduction)]
    try checkGradient(node(name, attributes), [x, labels], by: [0], opset: 13)
    try checkGradient(node(name, attributes), [x, labels, weights], by: [0], opset: 12)
    attributes.append(.int("ignore_index", 2))
    try checkGradient(node(name, attributes), [x, labels, weights], by: [0], opset: 13)
    // One label for each position after the class axis.
    let places = Tensor(shape: [2, 2, 2], [0, 2, 1, -3, 1, 1, 0, 2] as [Int32])
    attributes[1] = .int("ignore_index", -3)
    let deep = doubles([2, 3, 2, 2], from: -2, to: 2)
    try checkGradient(node(name, attributes), [deep, places, weights], by: [0], opset: 13)
  }

  @Test func ofLogarithms() throws {
    let labels = Tensor(shape: [2], [2, 0] as [Int64])
    let both = node("SoftmaxCrossEntropyLoss", [], outputs: 2)
    try checkGradient(both, [doubles([2, 3]), labels], by: [0], opset: 13)
    try checkGradient(both, [doubles([2, 3]), labels], by: [0], outputs: [1], opset: 13)
  }

  /// ∂E/∂α = z − y for z = softmax(α), E = −Σ y ln z and y one at the label, zero elsewhere.
  @Test func isWhatSoftmaxGivesLessTheTarget() throws {
    let alpha = doubles([3, 5], from: -2, to: 2)
    let labels = [4, 0, 2]
    let found = try checkGradient(
      node("SoftmaxCrossEntropyLoss", [.string("reduction", "none")]),
      [alpha, Tensor(shape: [3], labels.map(Int64.init))], by: [0], opset: 13)
    let gradient = try #require(found[0]).array(as: Double.self)
    let values = try alpha.array(as: Double.self)
    for row in 0..<3 {
      let powers = values[row * 5..<row * 5 + 5].map { Double.exp($0) }
      // The weight that checkGradient gives to the loss of that row.
      let weight = 0.3 + Double(row * 7 % 11) / 7
      for (column, power) in powers.enumerated() {
        let z = power / powers.reduce(0, +)
        let y: Double = column == labels[row] ? 1 : 0
        #expect(abs(gradient[row * 5 + column] - weight * (z - y)) < 1e-12)
      }
    }
  }

  /// The float32 loops agree with the float64 loops, which finite differences verify.
  @Test(arguments: [[33, 65], [3, 17, 11, 13]]) func vectorLoopsAgree(shape: [Int]) throws {
    let count = shape.reduce(1, *)
    let positions = [shape[0]] + shape.dropFirst(2)
    let labels = Tensor(
      shape: positions, (0..<positions.reduce(1, *)).map { Int64($0 * 7 % shape[1]) })
    let values = try doubles(shape, from: -4, to: 4).array(as: Double.self)
    func gradient(_ x: Tensor) throws -> [Tensor] {
      let graph = Graph(
        nodes: [
          Node(
            "SoftmaxCrossEntropyLoss", inputs: ["x", "labels"], outputs: ["loss", "p"],
            attributes: [.string("reduction", "sum"), .int("ignore_index", 3)])
        ],
        inputs: [ValueInfo("x", .tensor(x.type))], outputs: [],
        initializers: [NamedTensor("labels", labels)])
      let operatorSets = [OperatorSetImport(version: 13)]
      var differentiation = try Differentiation(Model(graph: graph, operatorSets: operatorSets))
      let name = try #require(try differentiation.gradients(of: "loss", by: ["x"])["x"])
      var full = differentiation.graph
      full.outputs = [name, "loss", "p"].map { ValueInfo($0, nil) }
      let results = try Session(Model(graph: full, operatorSets: operatorSets)).run(["x": x])
      return try [name, "loss", "p"].map { try #require(results[$0]) }
    }
    let wide = try gradient(Tensor(shape: shape, values))
    let narrow = try gradient(Tensor(shape: shape, values.map { Float($0) }))
    #expect(wide[0].count == count)
    for (a, b) in zip(wide, narrow) {
      for (a, b) in zip(try a.array(as: Double.self), try b.array(as: Float.self)) {
        #expect(abs(a - Double(b)) < 3e-6 * max(1, abs(a)), "\(a) and \(b)")
      }
    }
  }

  @Test func refusesWhatHasNoGradient() throws {
    let labels = Tensor(shape: [2], [2, 0] as [Int64])
    #expect(throws: ModelError.self) {
      try checkGradient(
        node("SoftmaxCrossEntropyLoss", []), [doubles([2, 3]), labels, doubles([3])], opset: 13)
    }
  }
}
