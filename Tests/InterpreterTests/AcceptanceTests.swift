import ONNX
import Testing

/// Models that writers make and the standard does not quite allow, and errors that name all of a fault.
@Suite struct AcceptanceTests {
  private func error(_ model: Model) -> String? {
    do {
      _ = try Session(model)
      return nil
    } catch { return "\(error)" }
  }

  @Test func equalImportsAreOne() throws {
    var model = Models.model([Models.relu("x", "y")], opset: 13)
    model.operatorSets.append(OperatorSetImport(domain: "ai.onnx", version: 13))
    let y = try Session(model).run(["x": floats([1, 2], [-1, 1])])["y"]
    #expect(y == floats([1, 2], [0, 1]))
    model.operatorSets.append(OperatorSetImport(version: 14))
    #expect(
      error(model)
        == "the model imports operator set 'ai.onnx' twice, with the versions 13 and 14")
  }

  @Test func operatorsThatWritersUseBeforeTheStandardHasThem() throws {
    let x = floats([1, 2], [-1, 1])
    let rows: [(Node, Int64, [Float])] = [
      (Node("ThresholdedRelu", inputs: ["x"], outputs: ["y"]), 8, [0, 0]),
      (
        Node(
          "MeanVarianceNormalization", inputs: ["x"], outputs: ["y"],
          attributes: [.ints("axes", [1])]), 8, [-1, 1]
      ),
      (
        Node("LayerNormalization", inputs: ["x", "one"], outputs: ["y"]), 14, [-0.999995, 0.999995]
      ),
      (
        Node(
          "Affine", inputs: ["x"], outputs: ["y"],
          attributes: [.float("alpha", 2), .float("beta", 1)]), 7, [-1, 3]
      ),
      (
        Node("Scale", inputs: ["x"], outputs: ["y"], attributes: [.float("scale", 3)]), 9, [-3, 3]
      ),
      (
        Node(
          "ScaledTanh", inputs: ["x"], outputs: ["y"],
          attributes: [.float("alpha", 2), .float("beta", 3)]), 7, [-1.9901094, 1.9901094]
      ),
      (
        Node(
          "ParametricSoftplus", inputs: ["x"], outputs: ["y"],
          attributes: [.float("alpha", 2), .float("beta", 3)]), 7, [0.0971747, 6.0971746]
      ),
    ]
    for (node, opset, expected) in rows {
      let ones = [NamedTensor("one", floats([2], [1, 1]))]
      let session = try Session(Models.model([node], initializers: ones, opset: opset))
      let y = try #require(try session.run(["x": x])["y"]).array(as: Float.self)
      #expect(
        zip(y, expected).allSatisfy { abs($0 - $1) < 1e-5 },
        "\(node.operatorType) at \(opset): \(y)")
    }
    let scale = Node("Scale", inputs: ["x"], outputs: ["y"])
    #expect(error(Models.model([scale], opset: 10))?.contains("no operator 'Scale'") == true)
    let early = Node("Gelu", inputs: ["x"], outputs: ["y"])
    #expect(error(Models.model([early], opset: 19))?.contains("no operator 'Gelu'") == true)
  }

  /// Expected values from onnxruntime 1.31.1.
  @Test func imagesOfTheFirstConverters() throws {
    let x = floats([1, 2, 4, 3], (0..<24).map { Float($0) })
    let info = [ValueInfo("x", .tensor(.float32, [1, 2, 4, 3]))]
    func run(_ node: Node) throws -> Tensor? {
      try Session(Models.model([node], inputs: info, opset: 7)).run(["x": x])["y"]
    }
    func node(_ name: String, _ attributes: Attribute...) -> Node {
      Node(name, inputs: ["x"], outputs: ["y"], attributes: attributes)
    }
    #expect(
      try run(node("Crop", .ints("border", [1, 0, 1, 1])))
        == floats([1, 2, 3, 1], [1, 4, 7, 13, 16, 19]))
    #expect(
      try run(node("Crop", .ints("border", [1, 1, 0, 0]), .ints("scale", [1, 2])))
        == floats([1, 2, 1, 2], [4, 5, 16, 17]))
    #expect(throws: ModelError.self) { try run(node("Crop", .ints("border", [2, 1, 2, 0]))) }
    let scaled = try run(node("ImageScaler", .float("scale", 2), .floats("bias", [1, 2])))
    #expect(try scaled?.array(as: Float.self).suffix(13).prefix(2) == [23, 26])
    #expect(throws: ModelError.self) { try run(node("ImageScaler", .floats("bias", [1]))) }
  }

  @Test func missingOperatorsComeFirstWithTheirCounts() {
    func node(_ name: String, _ input: String, _ output: String, domain: String? = nil) -> Node {
      Node(name, domain: domain, inputs: [input], outputs: [output])
    }
    let branch = Graph(
      nodes: [node("Inner", "x", "inner"), node("Inner", "inner", "z")],
      outputs: [ValueInfo("z", nil)])
    let choice = Node(
      "If", inputs: ["no such value"], outputs: ["y"],
      attributes: [.graph("then_branch", branch), .graph("else_branch", branch)])
    var function = Function(
      "Two", domain: "local", inputs: ["a"], outputs: ["b"],
      nodes: [node("Deep", "a", "b", domain: "acme")])
    function.operatorSets = [OperatorSetImport(domain: "acme", version: 3)]
    var model = Models.model([
      node("Sni", "x", "a"), node("Two", "a", "b", domain: "local"),
      node("Two", "b", "c", domain: "local"), node("Far", "c", "d", domain: "elsewhere"), choice,
    ])
    model.functions = [function]
    model.operatorSets.append(OperatorSetImport(domain: "local", version: 1))
    #expect(
      error(model)
        == "no operator 'Inner' in domain 'ai.onnx' at version 20 (4 nodes), "
        + "'Sni' in domain 'ai.onnx' at version 20 (1 node), "
        + "'Far' in domain 'elsewhere', which the model does not import (1 node), "
        + "'Deep' in domain 'acme' at version 3 (1 node)"
        + "; the session needs the types of such operators in SessionOptions.operators")
  }

  /// Contents of shape inputs are checked whether they are constants or inputs of the run.
  @Test func shapeInputsAreCheckedInEveryRun() throws {
    let integers = { (numbers: [Int64]) in Tensor(shape: [numbers.count], numbers) }
    let rows: [(Node, Tensor, [String: Tensor])] = [
      (
        Node("Tile", inputs: ["x", "a"], outputs: ["y"]), Tensor(Float(1)), ["a": integers([2, 3])]
      ),
      (
        Node("ReduceSum", inputs: ["x", "a"], outputs: ["y"]), Tensor(Float(1)),
        ["a": integers([1])]
      ),
      (
        Node("Reshape", inputs: ["x", "a"], outputs: ["y"]), floats([3], [1, 2, 3]),
        ["a": integers([])]
      ),
      (
        Node("Pad", inputs: ["x", "a"], outputs: ["y"]), Tensor(Float(1)), ["a": integers([1, 1])]
      ),
      (
        Node("Slice", inputs: ["x", "a", "b"], outputs: ["y"]), Tensor(Float(1)),
        ["a": integers([0]), "b": integers([1])]
      ),
    ]
    for (node, x, others) in rows {
      let infos = others.map { ValueInfo($0.key, .tensor(.int64, Shape($0.value.shape))) }
      let inputs =
        [ValueInfo("x", .tensor(.float32, Shape(x.shape)))] + infos.sorted { $0.name < $1.name }
      let session = try Session(Models.model([node], inputs: inputs))
      #expect(throws: ModelError.self, "\(node.operatorType)") {
        try session.run(others.merging(["x": x]) { $1 })
      }
      let constants = others.map { NamedTensor($0.key, $0.value) }
      #expect(throws: ModelError.self, "\(node.operatorType) of constants") {
        try Session(Models.model([node], inputs: [inputs[0]], initializers: constants))
          .run(["x": x])
      }
    }
  }

  /// The rank of a list does not depend on when it is known.
  @Test func ranksOfShapeInputsAreCheckedInEveryRun() throws {
    let x = floats([1], [7])
    let rows: [(name: String, shape: [Int], isValid: Bool)] = [
      ("Reshape", [], false), ("Tile", [], false), ("Reshape", [1, 1], false), ("Expand", [], true),
      ("Expand", [1], true),
    ]
    for (name, shape, isValid) in rows {
      let node = Node(name, inputs: ["x", "a"], outputs: ["y"])
      let one = Tensor(shape: shape, [1 as Int64])
      let inputs = [
        ValueInfo("x", .tensor(.float32, [1])), ValueInfo("a", .tensor(.int64, Shape(shape))),
      ]
      let atRun = {
        try Session(Models.model([node], inputs: inputs)).run(["x": x, "a": one])["y"]
      }
      let constant = {
        try Session(
          Models.model([node], inputs: [inputs[0]], initializers: [NamedTensor("a", one)])
        ).run(["x": x])["y"]
      }
      for run in [atRun, constant] {
        if isValid {
          #expect(try run() == x, "\(name) \(shape)")
        } else {
          #expect(throws: ModelError.self, "\(name) \(shape)") { _ = try run() }
        }
      }
    }
  }

  /// With constants that leave nothing to do, and with those that come with the run.
  @Test func emptyShapeInputsOfARunKeepTheTensor() throws {
    let node = Node("Slice", inputs: ["x", "a", "b", "c"], outputs: ["y"])
    let none = Tensor(shape: [0], [] as [Int64])
    let infos =
      [ValueInfo("x", .tensor(.float32, [3]))]
      + ["a", "b"].map { ValueInfo($0, .tensor(.int64, [0])) }
    let session = try Session(
      Models.model([node], inputs: infos, initializers: [NamedTensor("c", none)]))
    let x = floats([3], [1, 2, 3])
    #expect(try session.run(["x": x, "a": none, "b": none])["y"] == x)
  }
}
