import ONNX
import Testing

private func node(
  _ type: String, _ inputs: [String], _ outputs: [String], _ attributes: [Attribute] = []
) -> Node { Node(type, inputs: inputs, outputs: outputs, attributes: attributes) }

private func int64s(_ values: Int64...) -> Tensor { Tensor(shape: [values.count], values) }

private func session(
  _ nodes: [Node], _ inputs: [ValueInfo], _ outputs: [String], _ initializers: [NamedTensor] = []
) throws -> Session {
  let graph = Graph(
    name: "test", nodes: nodes, inputs: inputs, outputs: outputs.map { ValueInfo($0, nil) },
    initializers: initializers)
  return try Session(Model(graph: graph, operatorSets: [OperatorSetImport(version: 20)]))
}

/// Nodes whose shapes depend on the contents of inputs, run again and again: what they keep from one
/// run must not show in the next.
@Suite struct DataDependentTests {
  @Test func shapesFollowTheContentsOfEachRun() throws {
    let model = try session(
      [
        node("Reshape", ["x", "shape"], ["r"]), node("Transpose", ["r"], ["t"]),
        node("Add", ["t", "t"], ["y"]),
      ],
      [
        ValueInfo("x", .tensor(.float32, [.size(6)])),
        ValueInfo("shape", .tensor(.int64, [.size(2)])),
      ], ["y"])
    let x = floats([6], [0, 1, 2, 3, 4, 5])
    for _ in 0..<2 {
      for (shape, expected) in [
        (int64s(2, 3), floats([3, 2], [0, 6, 2, 8, 4, 10])),
        (int64s(3, 2), floats([2, 3], [0, 4, 8, 2, 6, 10])),
        (int64s(3, 2), floats([2, 3], [0, 4, 8, 2, 6, 10])),
        (int64s(6, 1), floats([1, 6], [0, 2, 4, 6, 8, 10])),
      ] {
        #expect(try model.run(["x": x, "shape": shape])["y"] == expected)
      }
    }
    #expect(throws: ModelError.self) { try model.run(["x": x, "shape": int64s(4, 2)]) }
  }

  @Test func productsOfChosenRowsMatchThoseOfAllRows() throws {
    let weight = (0..<12).map { Float($0 * 7 % 5) - 2 }
    let model = try session(
      [
        node("NonZero", ["mask"], ["n"]), node("Squeeze", ["n", "zero"], ["rows"]),
        node("Gather", ["x", "rows"], ["g"]), node("MatMul", ["g", "w"], ["m"]),
        node("Relu", ["m"], ["y"]),
      ],
      [
        ValueInfo("x", .tensor(.float32, [.symbol("N"), .size(3)])),
        ValueInfo("mask", .tensor(.bool, [.symbol("N")])),
      ], ["y"],
      [NamedTensor("w", floats([3, 4], weight)), NamedTensor("zero", int64s(0))])
    let values = (0..<15).map { Float($0 * 3 % 7) - 3 }
    func expected(_ mask: [Bool]) -> Tensor {
      var result: [Float] = []
      for row in 0..<5 where mask[row] {
        for column in 0..<4 {
          result.append(
            max(0, (0..<3).reduce(0) { $0 + values[row * 3 + $1] * weight[$1 * 4 + column] }))
        }
      }
      return floats([result.count / 4, 4], result)
    }
    for mask in [
      [true, false, true, true, false], [false, true, true, false, true],
      [true, true, true, true, true], [false, false, false, false, false],
      [false, false, true, false, false],
    ] {
      let y = try model.run(["x": floats([5, 3], values), "mask": Tensor(shape: [5], mask)])["y"]
      #expect(y == expected(mask))
    }
  }

  @Test func contentsThatDoNotDecideShapesMayChange() throws {
    let model = try session(
      [
        node("NonZero", ["x"], ["n"]), node("Cast", ["n"], ["f"], [.int("to", 1)]),
        node("Mul", ["f", "scale"], ["y"]),
      ],
      [
        ValueInfo("x", .tensor(.float32, [.symbol("N")])),
        ValueInfo("scale", .tensor(.float32, [] as Shape)),
      ], ["y"])
    for (x, scale, expected) in [
      ([1, 0, 1], 2, [0, 4]), ([0, 1, 1], 2, [2, 4]), ([0, 1, 1], 3, [3, 6]), ([0, 0, 1], 3, [6]),
    ] as [([Float], Float, [Float])] {
      let y = try model.run(["x": floats([3], x), "scale": Tensor(scale)])["y"]
      #expect(y == floats([1, expected.count], expected))
    }
  }
}
