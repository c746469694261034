import ONNX

/// Small models for tests.
enum Models {
  /// `y = x · w + b`, from [N, 3] to [N, 2].
  static var linear: Model {
    model(
      [
        Node("MatMul", inputs: ["x", "w"], outputs: ["p"]),
        Node("Add", inputs: ["p", "b"], outputs: ["y"]),
      ], inputs: [ValueInfo("x", .tensor(.float32, [.symbol("N"), 3]))],
      outputs: [ValueInfo("y", .tensor(.float32, [.symbol("N"), 2]))],
      initializers: [
        NamedTensor("w", [[1.0, 2], [3, 4], [5, 6]]), NamedTensor("b", [10.0, 20]),
      ])
  }

  /// Two inputs and two outputs: the sum and the difference.
  static var sumAndDifference: Model {
    let vector = ValueType.tensor(.float32, [.symbol("N")])
    return model(
      [
        Node("Add", inputs: ["left", "right"], outputs: ["total"]),
        Node("Sub", inputs: ["left", "right"], outputs: ["difference"]),
      ], inputs: [ValueInfo("left", vector), ValueInfo("right", vector)],
      outputs: [ValueInfo("total", vector), ValueInfo("difference", vector)])
  }

  /// The negative and the absolute values of `x`.
  static var twoOutputs: Model {
    let vector = ValueType.tensor(.float32, [.symbol("N")])
    return model(
      [
        Node("Neg", inputs: ["x"], outputs: ["negative"]),
        Node("Abs", inputs: ["x"], outputs: ["absolute"]),
      ], inputs: [ValueInfo("x", vector)],
      outputs: [ValueInfo("negative", vector), ValueInfo("absolute", vector)])
  }

  /// A loop of as many iterations as the input says, each of them short.
  static var loop: Model {
    let body = Graph(
      name: "body", nodes: [Node("Add", inputs: ["value", "one"], outputs: ["next"])],
      inputs: [
        ValueInfo("i", .tensor(.int64, [])), ValueInfo("more", .tensor(.bool, [])),
        ValueInfo("value", .tensor(.int64, [])),
      ],
      outputs: [
        ValueInfo("more", .tensor(.bool, [])), ValueInfo("next", .tensor(.int64, [])),
      ], initializers: [NamedTensor("one", 1)])
    return model(
      [
        Node(
          "Loop", inputs: ["count", "", "zero"], outputs: ["y"], attributes: [.graph("body", body)])
      ], inputs: [ValueInfo("count", .tensor(.int64, []))],
      outputs: [ValueInfo("y", .tensor(.int64, []))], initializers: [NamedTensor("zero", 0)])
  }

  /// `layers` products of the input with itself: long nodes one after the other.
  static func products(_ layers: Int) -> Model {
    let square = ValueType.tensor(.float32, [.symbol("N"), .symbol("N")])
    return model(
      (0..<layers).map { layer in
        Node(
          "MatMul", inputs: [layer == 0 ? "x" : "v\(layer)", "x"],
          outputs: [layer == layers - 1 ? "y" : "v\(layer + 1)"])
      }, inputs: [ValueInfo("x", square)], outputs: [ValueInfo("y", square)])
  }

  static func model(
    _ nodes: [Node], inputs: [ValueInfo], outputs: [ValueInfo], initializers: [NamedTensor] = []
  ) -> Model {
    Model(
      graph: Graph(
        name: "linear", nodes: nodes, inputs: inputs, outputs: outputs, initializers: initializers),
      operatorSets: [OperatorSetImport(version: 20)])
  }
}
