import ONNX
import ONNXOperators
import OperatorLaws
import Testing

/// Gradients of normalizations, and batch normalization in training mode.
@Suite struct NormalizationGradientTests {
  private func batchInputs(_ shape: [Int]) -> [Tensor] {
    let channels = [shape.count > 1 ? shape[1] : 1]
    return [
      doubles(shape), doubles(channels, seed: 2), doubles(channels, seed: 3),
      doubles(channels, seed: 4), doubles(channels, from: 0.5, to: 2, seed: 5),
    ]
  }

  @Test(arguments: [[3, 2], [2, 3, 4], [2, 3, 2, 3], [6]])
  func ofBatchNormalizationInTraining(shape: [Int]) throws {
    let node = Node(
      "BatchNormalization", inputs: [], outputs: ["y", "mean", "variance"],
      attributes: [.int("training_mode", 1), .float("epsilon", 0.01)])
    try checkGradient(node, batchInputs(shape), by: [0, 1, 2], outputs: [0])
    try checkGradient(node, batchInputs(shape), by: [1, 2], outputs: [0])
  }

  @Test(arguments: [[3, 2], [2, 3, 2, 3], [6]])
  func ofBatchNormalizationInInference(shape: [Int]) throws {
    let node = Node(
      "BatchNormalization", inputs: [], outputs: ["y"], attributes: [.float("epsilon", 0.01)])
    try checkGradient(node, batchInputs(shape))
    try checkGradient(node, batchInputs(shape), opset: 9)
  }

  /// Compares the float32 code with float64, which finite differences verify.
  @Test(arguments: [[70, 130], [3, 5, 9, 11], [2, 1, 4000]])
  func batchNormalizationIsTheSameInFloat32(shape: [Int]) throws {
    let training = Node(
      "TrainingBatchNormalization", domain: "swift.onnx",
      inputs: ["x", "scale", "bias", "mean", "variance"], outputs: ["y", "m", "v", "s", "i"])
    let gradient = Node(
      "BatchNormalizationGrad", domain: "swift.onnx", inputs: ["g", "x", "scale", "mean", "i"],
      outputs: ["gx", "gs", "gb"])
    let inputs = batchInputs(shape)
    let wanted = try checkOperator(training, inputs, opset: 1)
    let found = try checkOperator(training, inputs.map(single), opset: 1)
    for (a, b) in zip(found, wanted) { #expect(try #require(a).isNear(to: b, 1e-5)) }
    let statistics = [try #require(wanted[3]), try #require(wanted[4])]
    let further = [doubles(shape, seed: 9), inputs[0], inputs[1]] + statistics
    let exact = try checkOperator(gradient, further, opset: 1)
    for (a, b) in zip(try checkOperator(gradient, further.map(single), opset: 1), exact) {
      #expect(try #require(a).isNear(to: b, 1e-4))
    }
    let halves = further.enumerated().map { index, tensor in
      index < 3 ? single(tensor).converted(to: .float16) : single(tensor)
    }
    for (a, b) in zip(try checkOperator(gradient, halves, opset: 1), exact) {
      #expect(try #require(a).isNear(to: b, 0.3))
    }
  }

  private func single(_ tensor: Tensor) -> Tensor {
    Tensor(shape: tensor.shape, tensor.elements(as: Double.self).map(Float.init))
  }

  @Test(arguments: [(1, []), (7, []), (9, []), (14, []), (15, [])] as [(Int, [Attribute])])
  func trainingModeOfBatchNormalizationCarriesStatistics(
    version: Int, attributes: [Attribute]
  ) throws {
    let names = ["x", "scale", "bias", "mean", "variance"]
    let node = Node(
      "BatchNormalization", inputs: names, outputs: ["y"],
      attributes: attributes + [.float("momentum", 0.75)]
        + (version == 1 ? [.ints("consumed_inputs", [0, 0, 0, 1, 1]), .int("is_test", 1)] : []))
    let made = try #require(
      try Registry.standard.make(node, operatorSet: version).operator as? any ModalOperator)
    var builder = GraphBuilder(taken: Set(names + ["y"]))
    let training = try made.trainingMode(node, &builder)
    #expect(training.updates.map(\.initializer) == ["mean", "variance"])
    #expect(training.updates.map(\.output) == Array(training.node.outputs.dropFirst()))
    let x = float32([2, 1, 2], [1, 2, 3, 6])
    let one = float32([1], [1])
    let results = try checkOperator(
      training.node, [x, one, one, float32([1], [7]), float32([1], [2])], opset: 15)
    // Mean 3 and variance 3.5 of the batch have a weight of 1/4 in the running statistics.
    #expect(try #require(results[1]).isNear(to: float32([1], [6])))
    #expect(try #require(results[2]).isNear(to: float32([1], [2.375])))
  }

  @Test func batchNormalizationWithoutChannelsIsRefused() throws {
    let node = Node(
      "BatchNormalization", inputs: ["x", "s", "b", "m", "v"], outputs: ["y"],
      attributes: [.int("spatial", 0)])
    let made = try #require(
      try Registry.standard.make(node, operatorSet: 7).operator as? any ModalOperator)
    var builder = GraphBuilder()
    #expect(throws: OperatorError.self) { try made.trainingMode(node, &builder) }
  }

  @Test(arguments: [-1, -2]) func ofLayerNormalization(axis: Int) throws {
    let node = Node(
      "LayerNormalization", inputs: [], outputs: ["y"],
      attributes: [.int("axis", axis), .float("epsilon", 0.01)])
    let own = Array([3, 4].suffix(-axis))
    let x = doubles([2, 3, 4])
    try checkGradient(node, [x, doubles(own, seed: 2), doubles(own, seed: 3)], opset: 17)
    try checkGradient(node, [x, doubles(own, seed: 2)], by: [1], opset: 17)
    try checkGradient(node, [x, doubles([1], seed: 2), doubles([1, 4], seed: 3)], opset: 17)
  }

  @Test func ofRMSNormalization() throws {
    let node = Node("RMSNormalization", inputs: [], outputs: ["y"])
    try checkGradient(node, [doubles([3, 4]), doubles([4], seed: 2)], opset: 23)
  }

  @Test func ofRowsIsTheSameInFloat32() throws {
    let shape = [37, 70]
    let inputs = [
      doubles(shape, seed: 7), doubles(shape), doubles([70], seed: 2), doubles([70], seed: 3),
    ]
    let node = Node(
      "LayerNormalizationGrad", domain: "swift.onnx", inputs: ["g", "x", "s", "b"],
      outputs: ["gx", "gs", "gb"])
    let exact = try checkOperator(node, inputs, opset: 17)
    for (a, b) in zip(try checkOperator(node, inputs.map(single), opset: 17), exact) {
      #expect(try #require(a).isNear(to: b, 1e-4))
    }
    let halves = inputs.map { single($0).converted(to: .float16) }
    for (a, b) in zip(try checkOperator(node, halves, opset: 17), exact) {
      #expect(try #require(a).isNear(to: b, 0.1))
    }
  }

  @Test func scalesThatDifferBetweenRowsAreRefused() throws {
    let node = Node(
      "LayerNormalizationGrad", domain: "swift.onnx", inputs: ["g", "x", "s"], outputs: ["gx"])
    let x = float32([2, 3], ramp(6))
    #expect(throws: OperatorError.self) { try checkOperator(node, [x, x, x], opset: 17) }
  }

  @Test func ofInstanceAndGroupNormalization() throws {
    let x = doubles([2, 4, 2, 3])
    try checkGradient(
      Node("InstanceNormalization", inputs: [], outputs: ["y"]),
      [x, doubles([4], seed: 2), doubles([4], seed: 3)])
    let groups = Node(
      "GroupNormalization", inputs: [], outputs: ["y"], attributes: [.int("num_groups", 2)])
    for (opset, size) in [(18, 2), (21, 4)] {
      let parameters = [doubles([size], seed: 2), doubles([size], seed: 3)]
      try checkGradient(groups, [x] + parameters, opset: Int64(opset))
      let gradient = Node(
        "GroupNormalizationGrad", domain: "swift.onnx", inputs: ["g", "x", "s", "b"],
        outputs: ["gx", "gs", "gb"], attributes: [.int("num_groups", 2)])
      let inputs = [doubles(x.shape, seed: 7), x] + parameters
      let exact = try checkOperator(gradient, inputs, opset: opset)
      for (a, b) in zip(try checkOperator(gradient, inputs.map(single), opset: opset), exact) {
        #expect(try #require(a).isNear(to: b, 1e-4))
      }
    }
  }

  @Test func ofNormalizationsAlongAxes() throws {
    try checkGradient(
      Node("MeanVarianceNormalization", inputs: [], outputs: ["y"]), [doubles([2, 3, 2, 2])])
    try checkGradient(
      Node(
        "MeanVarianceNormalization", inputs: [], outputs: ["y"], attributes: [.ints("axes", [-1])]),
      [doubles([3, 4])])
    for p in [1, 2] {
      try checkGradient(
        Node(
          "LpNormalization", inputs: [], outputs: ["y"],
          attributes: [.int("p", p), .int("axis", 1)]), [doubles([2, 3, 2])])
    }
  }

  @Test(arguments: [1, 2, 3, 4]) func ofLocalResponse(size: Int) throws {
    try checkGradient(
      Node(
        "LRN", inputs: [], outputs: ["y"],
        attributes: [.int("size", size), .float("alpha", 0.5), .float("beta", 0.6)]),
      [doubles([2, 5, 3])])
  }
}
