import ONNX
import Testing

/// A session with these nodes and outputs of any type.
private func session(
  _ nodes: [Node], inputs: [ValueInfo], outputs: [String], opset: Int64 = 20, maxTrips: Int? = nil
) throws -> Session {
  var options = SessionOptions()
  if let maxTrips { options.maxTrips = maxTrips }
  let graph = Graph(
    name: "test", nodes: nodes, inputs: inputs, outputs: outputs.map { ValueInfo($0, nil) })
  return try Session(
    Model(graph: graph, operatorSets: [OperatorSetImport(version: opset)]), options: options)
}

private func body(_ nodes: [Node], _ inputs: [String], _ outputs: [String]) -> Graph {
  Graph(
    name: "body", nodes: nodes, inputs: inputs.map { ValueInfo($0, nil) },
    outputs: outputs.map { ValueInfo($0, nil) })
}

private func node(
  _ type: String, _ inputs: [String], _ outputs: [String], _ attributes: [Attribute] = []
) -> Node { Node(type, inputs: inputs, outputs: outputs, attributes: attributes) }

private let vector = ValueType.tensor(.float32, [.symbol("N")])
private let number = ValueType.tensor(.int64, [] as Shape)
private let flag = ValueType.tensor(.bool, [] as Shape)

@Suite struct ControlTests {
  // MARK: If

  @Test func takesOneBranch() throws {
    let model = try session(
      [
        node(
          "If", ["c"], ["y"],
          [
            .graph("then_branch", body([node("Relu", ["x"], ["a"])], [], ["a"])),
            .graph(
              "else_branch",
              body([node("Concat", ["x", "x"], ["b"], [.int("axis", 0)])], [], ["b"])),
          ])
      ], inputs: [ValueInfo("c", flag), ValueInfo("x", vector)], outputs: ["y"])
    let x = Tensor(shape: [2], [-1, 2] as [Float])
    #expect(
      try model.run(["c": Tensor(true), "x": x])["y"] == Tensor(shape: [2], [0, 2] as [Float]))
    #expect(
      try model.run(["c": Tensor(false), "x": x])["y"]
        == Tensor(shape: [4], [-1, 2, -1, 2] as [Float]))
  }

  @Test func refusesBranchesThatDoNotMatch() throws {
    #expect(throws: ModelError.self) {
      try session(
        [
          node(
            "If", ["c"], ["y"],
            [
              .graph("then_branch", body([node("Relu", ["x"], ["a"])], [], ["a"])),
              .graph("else_branch", body([node("Shape", ["x"], ["b"])], [], ["b"])),
            ])
        ], inputs: [ValueInfo("c", flag), ValueInfo("x", vector)], outputs: ["y"])
    }
    #expect(throws: ModelError.self) {
      try session(
        [
          node(
            "If", ["x"], ["y"],
            [
              .graph("then_branch", body([node("Relu", ["x"], ["a"])], [], ["a"])),
              .graph("else_branch", body([node("Relu", ["x"], ["b"])], [], ["b"])),
            ])
        ], inputs: [ValueInfo("x", vector)], outputs: ["y"])
    }
  }

  // MARK: Loop

  /// Carries a vector that doubles, and scans its previous values.
  private func doubling(_ inputs: [String], opset: Int64 = 20, maxTrips: Int? = nil) throws
    -> Session
  {
    try session(
      [
        node(
          "Loop", inputs, ["y", "trips", "firsts"],
          [
            .graph(
              "body",
              body(
                [
                  node("Identity", ["c"], ["c_out"]),
                  node("Concat", ["v", "v"], ["v_out"], [.int("axis", 0)]),
                  node("Identity", ["i"], ["i_out"]),
                  node("Gather", ["v", "i"], ["first"]),
                ], ["i", "c", "v"], ["c_out", "v_out", "i_out", "first"]))
          ])
      ], inputs: [ValueInfo("m", number), ValueInfo("c", flag), ValueInfo("x", vector)],
      outputs: ["y", "trips", "firsts"], opset: opset, maxTrips: maxTrips)
  }

  @Test(arguments: [1, 11, 13, 16, 19, 23] as [Int64])
  func carriesValuesOfChangingShape(opset: Int64) throws {
    let model = try doubling(["m", "c", "x"], opset: opset)
    let x = Tensor(shape: [2], [1, 2] as [Float])
    let y = try model.run(["m": Tensor(3 as Int64), "c": Tensor(true), "x": x])
    #expect(y["y"]?.shape == [16])
    #expect(y["trips"] == int64s(0, 1, 2))
    #expect(y["firsts"] == Tensor(shape: [3], [1, 2, 1] as [Float]))
  }

  @Test(arguments: [(0, true), (-5, true), (3, false), (.min, true)] as [(Int64, Bool)])
  func makesNoTrips(limit: Int64, condition: Bool) throws {
    let x = Tensor(shape: [2], [1, 2] as [Float])
    let y = try doubling(["m", "c", "x"]).run(
      ["m": Tensor(limit), "c": Tensor(condition), "x": x])
    #expect(y["y"] == x)
    #expect(y["trips"] == Tensor(shape: [0], [Int64]()))
    #expect(y["firsts"] == counting([0]))
  }

  @Test func stopsAtTheConditionOrAtTheLimitOfTrips() throws {
    func counting(_ inputs: [String], _ stop: Bool, maxTrips: Int? = nil) throws -> Session {
      try session(
        [
          node(
            "Loop", inputs, ["y"],
            [
              .graph(
                "body",
                body(
                  [
                    node("Constant", [], ["c_out"], [.tensor("value", Tensor(!stop))]),
                    node("Identity", ["i"], ["i_out"]),
                  ], ["i", "c"], ["c_out", "i_out"]))
            ])
        ], inputs: [ValueInfo("m", number), ValueInfo("c", flag)], outputs: ["y"],
        maxTrips: maxTrips)
    }
    let inputs = ["m": Tensor(4 as Int64), "c": Tensor(true)]
    #expect(try counting(["m", "c"], true).run(inputs)["y"] == int64s(0))
    #expect(try counting(["", "c"], true).run(inputs)["y"] == int64s(0))
    // Without a condition input, the condition of the body is ignored.
    #expect(try counting(["m", ""], true).run(inputs)["y"] == int64s(0, 1, 2, 3))
    #expect(throws: ModelError.self) {
      try counting(["", "c"], false, maxTrips: 1000).run(inputs)
    }
  }

  @Test func refusesABodyThatDoesNotFit() throws {
    for inputs in [["i"], ["i", "c", "v"]] {
      #expect(throws: ModelError.self) {
        try session(
          [
            node(
              "Loop", ["m", "c"], ["y"],
              [.graph("body", body([node("Identity", ["i"], ["o"])], inputs, ["o", "i"]))])
          ], inputs: [ValueInfo("m", number), ValueInfo("c", flag)], outputs: ["y"])
      }
    }
  }

  // MARK: Scan

  /// State: what is concatenated so far would grow, so it is the last slice; scan output: Relu.
  private func scan(_ attributes: [Attribute], opset: Int64 = 20, inputs: [String] = ["s", "x"])
    throws -> Session
  {
    let type = ValueType.tensor(.float32, nil)
    return try session(
      [
        node(
          "Scan", inputs, ["last", "y"],
          [
            .int("num_scan_inputs", 1),
            .graph(
              "body",
              body(
                [node("Identity", ["a"], ["state"]), node("Relu", ["a"], ["b"])],
                ["s0", "a"], ["state", "b"])),
          ] + attributes)
      ],
      inputs: [
        ValueInfo("s", type), ValueInfo("x", type), ValueInfo("n", .tensor(.int64, nil)),
      ].filter { inputs.contains($0.name) },
      outputs: ["last", "y"], opset: opset)
  }

  @Test(arguments: [9, 11, 16, 23] as [Int64])
  func scansForwards(opset: Int64) throws {
    let x = Tensor(shape: [3, 2], [1, -2, 3, -4, 5, -6] as [Float])
    let y = try scan([], opset: opset).run(["s": counting([2]), "x": x])
    #expect(y["last"] == Tensor(shape: [2], [5, -6] as [Float]))
    #expect(y["y"] == Tensor(shape: [3, 2], [1, 0, 3, 0, 5, 0] as [Float]))
  }

  @Test func scansAlongOtherAxesAndBackwards() throws {
    let x = Tensor(shape: [2, 3], [1, 2, 3, 4, 5, 6] as [Float])
    let inputs = ["s": counting([2]), "x": x]
    var y = try scan([.ints("scan_input_axes", [-1]), .ints("scan_output_axes", [1])]).run(inputs)
    #expect(y["last"] == Tensor(shape: [2], [3, 6] as [Float]))
    #expect(y["y"] == x)
    y = try scan([.ints("scan_input_axes", [1]), .ints("scan_input_directions", [1])]).run(inputs)
    #expect(y["last"] == Tensor(shape: [2], [1, 4] as [Float]))
    #expect(y["y"] == Tensor(shape: [3, 2], [3, 6, 2, 5, 1, 4] as [Float]))
    y = try scan([.ints("scan_input_axes", [1]), .ints("scan_output_directions", [1])]).run(inputs)
    #expect(y["y"] == Tensor(shape: [3, 2], [3, 6, 2, 5, 1, 4] as [Float]))
  }

  @Test func scansBatchesOfOpset8() throws {
    let x = Tensor(shape: [2, 3, 1], [1, 2, 3, 4, 5, 6] as [Float])
    let model = try scan([], opset: 8, inputs: ["n", "s", "x"])
    let y = try model.run(["n": int64s(2, 3), "s": counting([2, 1]), "x": x])
    #expect(y["last"] == Tensor(shape: [2, 1], [2, 6] as [Float]))
    #expect(y["y"] == Tensor(shape: [2, 3, 1], [1, 2, 0, 4, 5, 6] as [Float]))
    #expect(throws: ModelError.self) {
      try model.run(["n": int64s(2, 4), "s": counting([2, 1]), "x": x])
    }
  }

  @Test func refusesBadScans() throws {
    for attributes: [Attribute] in [
      [.ints("scan_input_axes", [0, 0])], [.ints("scan_input_directions", [2])],
      [.ints("scan_output_axes", [0, 0])],
    ] {
      #expect(throws: ModelError.self) { try scan(attributes) }
    }
    let model = try scan([.ints("scan_input_axes", [2])])
    #expect(throws: ModelError.self) {
      try model.run(["s": counting([2]), "x": counting([2, 3])])
    }
  }
}
