import ONNX
import Testing

/// Models with weights in blocks of channels, as onnxruntime's optimiser writes them.
@Suite struct BlockedLayoutTests {
  private let domain = "com.microsoft.nchwc"

  /// Weights `[outputs, inputs, 1, 1]` of which no two are alike.
  private func weights(_ outputs: Int, _ inputs: Int) -> [Float] {
    (0..<outputs * inputs).map { Float($0 % 17) - Float($0 / 17 % 5) + 0.1 }
  }

  /// The weights in blocks, by output and then by input channels if `hasInputBlocks`.
  private func blocked(
    _ weights: [Float], _ outputs: Int, _ inputs: Int, block: Int, hasInputBlocks: Bool = true
  ) -> [Float] {
    var result: [Float] = []
    for output in stride(from: 0, to: outputs, by: block) {
      for input in stride(from: 0, to: inputs, by: hasInputBlocks ? block : 1) {
        for i in input..<input + (hasInputBlocks ? block : 1) {
          for o in output..<output + block { result.append(weights[o * inputs + i]) }
        }
      }
    }
    return result
  }

  private func model(
    channels: Int, padded: Int, _ weights: [Float], outputs: Int, kept: Int
  ) -> Model {
    let isBlocked = padded != channels || channels >= 8
    let nodes =
      (isBlocked ? [Node("ReorderInput", domain: domain, inputs: ["x"], outputs: ["b"])] : []) + [
        Node(
          "Conv", domain: domain, inputs: [isBlocked ? "b" : "x", "w"], outputs: ["c"],
          attributes: [.int("group", 1), .string("activation", "Relu")]),
        Node(
          "ReorderOutput", domain: domain, inputs: ["c"], outputs: ["y"],
          attributes: [.int("channels", kept)]),
      ]
    let graph = Graph(
      nodes: nodes, inputs: [ValueInfo("x", .tensor(.float32, ["N", Dimension(channels), 1, 2]))],
      outputs: [ValueInfo("y", nil)],
      initializers: [NamedTensor("w", Tensor(shape: [outputs, padded, 1, 1], weights))])
    return contribModel(graph, domain: domain)
  }

  private func expected(_ x: [Float], _ weights: [Float], _ outputs: Int, _ inputs: Int) -> [Float]
  {
    (0..<outputs).flatMap { o in
      (0..<2).map { place in
        max(0, (0..<inputs).reduce(0) { $0 + weights[o * inputs + $1] * x[$1 * 2 + place] })
      }
    }
  }

  private func image(_ channels: Int) -> Tensor {
    Tensor(shape: [1, channels, 1, 2], (0..<channels * 2).map { Float($0 % 3) - 0.5 })
  }

  @Test(arguments: [(24, 8), (32, 16)]) func shapesTellTheBlockSize(outputs: Int, block: Int) throws
  {
    // 24 channels are whole blocks of 8 only; an image of 12 channels is read as it is by blocks of 16.
    let inputs = block == 8 ? 8 : 12
    let weights = weights(outputs, inputs)
    let stored = blocked(
      weights, outputs, inputs, block: block, hasInputBlocks: inputs >= block)
    var model = model(
      channels: inputs, padded: inputs, stored, outputs: outputs, kept: outputs)
    if inputs < block {
      model.graph.nodes.removeFirst()
      model.graph.nodes[0].inputs[0] = "x"
    }
    let x = image(inputs)
    let y = try Session(model).run(["x": x])["y"]
    let wanted = expected(try x.array(as: Float.self), weights, outputs, inputs)
    for (a, b) in zip(try #require(y).array(as: Float.self), wanted) { #expect(abs(a - b) < 1e-4) }
  }

  @Test(arguments: [8, 16]) func weightsTellTheBlockSize(block: Int) throws {
    // Shapes that fit both; channels that differ in size, as those of trained weights do.
    var weights = weights(64, 64)
    for o in 0..<64 {
      for i in 0..<64 { weights[o * 64 + i] *= Float(1 + o * o % 13) }
    }
    let stored = blocked(weights, 64, 64, block: block)
    let x = image(64)
    let model = model(channels: 64, padded: 64, stored, outputs: 64, kept: 64)
    let y = try Session(model).run(["x": x])["y"]
    let wanted = expected(try x.array(as: Float.self), weights, 64, 64)
    for (a, b) in zip(try #require(y).array(as: Float.self), wanted) {
      #expect(abs(a - b) < 1e-4 * max(1, abs(b)))
    }
  }

  @Test func channelsArePaddedAndCut() throws {
    // 20 input channels fill two blocks of 16, 10 output channels one.
    var weights = [Float](repeating: 0, count: 16 * 32)
    for o in 0..<10 { for i in 0..<20 { weights[o * 32 + i] = Float(o - i) } }
    let stored = blocked(weights, 16, 32, block: 16)
    let x = image(20)
    let model = model(channels: 20, padded: 32, stored, outputs: 16, kept: 8)
    let y = try #require(try Session(model).run(["x": x])["y"])
    #expect(y.shape == [1, 8, 1, 2])
    var padded = try x.array(as: Float.self)
    padded += Array(repeating: 0, count: 24)
    let wanted = expected(padded, weights, 16, 32)
    for (a, b) in zip(try y.array(as: Float.self), wanted) { #expect(abs(a - b) < 1e-4) }
  }

  @Test func weightsMustBeInitializers() throws {
    var model = model(channels: 8, padded: 8, weights(8, 8), outputs: 8, kept: 8)
    model.graph.initializers = []
    model.graph.inputs.append(ValueInfo("w", .tensor(.float32, [8, 8, 1, 1])))
    #expect(throws: ModelError.self) { try Session(model) }
  }
}
