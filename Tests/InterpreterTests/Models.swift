import ONNX

/// Small models for tests.
enum Models {
  static func model(
    _ nodes: [Node], inputs: [ValueInfo]? = nil, outputs: [String] = ["y"],
    initializers: [NamedTensor] = [], opset: Int64 = 20
  ) -> Model {
    Model(
      graph: Graph(
        name: "test", nodes: nodes,
        inputs: inputs ?? [ValueInfo("x", .tensor(.float32, [.symbol("N"), 2]))],
        outputs: outputs.map { ValueInfo($0, nil) }, initializers: initializers),
      operatorSets: [OperatorSetImport(version: opset)])
  }

  static func relu(_ input: String, _ output: String) -> Node {
    Node("Relu", inputs: [input], outputs: [output])
  }

  /// A chain of `length` nodes.
  static func chain(_ length: Int) -> Model {
    model(
      (0..<length).map {
        relu($0 == 0 ? "x" : "v\($0)", $0 == length - 1 ? "y" : "v\($0 + 1)")
      })
  }
}

func floats(_ shape: [Int], _ values: [Float]) -> Tensor { Tensor(shape: shape, values) }
