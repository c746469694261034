import ONNX

/// LeNet-5 from its file, recurrent layers, and convolutions of every kind with what comes between.
func models(lenet: String) throws -> [(name: String, model: Model, inputs: [String: Tensor])] {
  let layers = [("RNN", 1), ("GRU", 3), ("LSTM", 4)]
  let recurrent = layers.map { type, gates in
    (
      type,
      model(
        [
          Node(
            type, inputs: ["x", "w", "r", "b"], outputs: ["y"],
            attributes: [.int("hidden_size", 48)])
        ],
        x: [7, 3, 20],
        ["w": [1, gates * 48, 20], "r": [1, gates * 48, 48], "b": [1, gates * 96]]),
      ["x": noise([7, 3, 20])]
    )
  }
  return [("lenet5", try Model(contentsOf: lenet), ["image": noise([2, 1, 28, 28])])]
    + recurrent + [("convolutions", convolutions, ["x": noise([2, 3, 40, 40])])]
}

private func model(_ nodes: [Node], x: [Int], _ weights: [String: [Int]]) -> Model {
  Model(
    graph: Graph(
      name: "test", nodes: nodes,
      inputs: [ValueInfo("x", .tensor(.float32, Shape(x.map { .size($0) })))],
      outputs: [ValueInfo("y", nil)],
      initializers: weights.map { NamedTensor($0.key, noise($0.value)) }),
    operatorSets: [OperatorSetImport(version: 20)])
}

private var convolutions: Model {
  func conv(_ x: String, _ w: String, _ y: String, _ attributes: Attribute...) -> Node {
    Node("Conv", inputs: [x, w], outputs: [y], attributes: attributes)
  }
  func node(_ type: String, _ inputs: [String], _ output: String, _ attributes: Attribute...)
    -> Node
  {
    Node(type, inputs: inputs, outputs: [output], attributes: attributes)
  }
  let pads = Attribute.ints("pads", [1, 1, 1, 1])
  return model(
    [
      conv("x", "first", "a", .ints("strides", [2, 2]), .ints("pads", [3, 3, 3, 3])),
      node("Relu", ["a"], "b"),
      conv("b", "square", "c", pads),
      node("Add", ["c", "b"], "d"),
      node("Relu", ["d"], "e"),
      conv("e", "depthwise", "f", pads, .int("group", 32)),
      node("Sigmoid", ["f"], "g"),
      conv("g", "point", "h"),
      node("LeakyRelu", ["h"], "i"),
      node(
        "MaxPool", ["i"], "j", .ints("kernel_shape", [2, 2]), .ints("strides", [2, 2])),
      conv("j", "grouped", "k", pads, .int("group", 2)),
      node("Tanh", ["k"], "l"),
      node("AveragePool", ["l"], "m", .ints("kernel_shape", [3, 3]), pads),
      node("Concat", ["l", "m"], "n", .int("axis", 1)),
      node("GlobalAveragePool", ["n"], "o"),
      node("Flatten", ["o"], "p"),
      node("Gemm", ["p", "dense"], "q"),
      node("Softmax", ["q"], "y"),
    ], x: [2, 3, 40, 40],
    [
      "first": [32, 3, 7, 7], "square": [32, 32, 3, 3], "depthwise": [32, 1, 3, 3],
      "point": [48, 32, 1, 1], "grouped": [40, 24, 3, 3], "dense": [80, 10],
    ])
}
