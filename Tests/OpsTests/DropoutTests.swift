import ONNX
import ONNXOperators
import OperatorLaws
import Testing

/// Dropout in training mode.
@Suite struct DropoutTests {
  private func node(_ attributes: [Attribute] = []) -> Node {
    Node("Dropout", inputs: [], outputs: ["y"], attributes: attributes)
  }

  @Test func gradientKeepsWhatTheMaskKeeps() throws {
    let ratio = Tensor(Float(0.3))
    try checkGradient(
      node([.int("seed", 5)]), [doubles([4, 5]), ratio, Tensor(true)], by: [0])
    try checkGradient(node([.int("seed", 5)]), [doubles([4, 5]), nil, Tensor(true)], by: [0])
    try checkGradient(node(), [doubles([4, 5]), ratio, Tensor(false)], by: [0])
    try checkGradient(node(), [doubles([4, 5])], opset: 9)
  }

  @Test(
    arguments: [(6, [.float("ratio", 0.25)]), (10, [.float("ratio", 0.25)]), (13, [])]
      as [(Int, [Attribute])])
  func trainingModeKeepsTheRatio(version: Int, attributes: [Attribute]) throws {
    let node = Node("Dropout", inputs: ["x"], outputs: ["y"], attributes: attributes)
    let made = try #require(
      try Registry.standard.make(node, operatorSet: version).operator as? any ModalOperator)
    var builder = GraphBuilder()
    let training = try made.trainingMode(node, &builder)
    #expect(training.updates.isEmpty)
    var graph = Graph(
      nodes: [training.node], inputs: [ValueInfo("x", .tensor(.float32, [100, 1000]))],
      outputs: [ValueInfo("y", nil)], initializers: builder.initializers)
    graph.nodes[0].operatorSetVersion = training.node.operatorSetVersion
    let model = Model(graph: graph, operatorSets: [OperatorSetImport(version: Int64(version))])
    let x = float32([100, 1000], Array(repeating: 3, count: 100_000))
    func run(seed: UInt64) throws -> [Float] {
      var options = SessionOptions()
      options.seed = seed
      let session = try Session(model, options: options)
      return try #require(try session.run(["x": x])["y"]).array(as: Float.self)
    }
    let first = try run(seed: 1)
    #expect(try first == run(seed: 1))
    #expect(try first != run(seed: 2))
    let ratio: Float = version < 12 ? 0.25 : 0.5
    #expect(first.allSatisfy { $0 == 0 || abs($0 - 3 / (1 - ratio)) < 1e-5 })
    // Five standard deviations of a binomial distribution.
    let dropped = Double(first.filter { $0 == 0 }.count)
    let deviation = (100_000 * Double(ratio * (1 - ratio))).squareRoot()
    #expect(abs(dropped - 100_000 * Double(ratio)) < 5 * deviation)
  }

  @Test func masksOfNeighboursAreIndependent() throws {
    let node = Node("Dropout", inputs: ["x", "", "t"], outputs: ["y", "mask"])
    let count = 1 << 17
    let x = float32([count], Array(repeating: 1, count: count))
    let mask = try #require(try checkOperator(node, [x, nil, Tensor(true)], opset: 13)[1])
    let bits = Array(mask.elements(as: Bool.self))
    for distance in [1, 2, 32, 1024, 32768] {
      let equal = zip(bits, bits.dropFirst(distance)).filter { $0 == $1 }.count
      let pairs = Double(count - distance)
      #expect(abs(Double(equal) - pairs / 2) < 5 * (pairs / 4).squareRoot(), "\(distance)")
    }
  }
}
