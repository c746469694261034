import ONNX
import OperatorLaws
import Testing

@Suite struct ControlSequenceTests {
  let a = counting([2])
  let b = counting([3])

  private func sequence(_ tensors: Tensor...) -> Value {
    .sequence(
      SequenceValue(tensors.map(Value.tensor), elementType: .tensor(.float32, nil)))
  }

  private func run(
    _ type: String, _ inputs: [Value?], _ attributes: [Attribute] = [], opset: Int = 24
  ) throws -> Value? {
    let names = inputs.indices.map { inputs[$0] == nil ? "" : "x\($0)" }
    return try checkOperator(
      Node(type, inputs: names, outputs: ["y"], attributes: attributes), values: inputs,
      opset: opset)[0]
  }

  private func tensors(_ value: Value?) -> [Tensor]? {
    guard case .sequence(let sequence) = value else { return nil }
    return sequence.elements.compactMap(\.tensor)
  }

  @Test func constructsAndMeasures() throws {
    #expect(tensors(try run("SequenceConstruct", [.tensor(a), .tensor(b)])) == [a, b])
    #expect(tensors(try run("SequenceEmpty", [])) == [])
    #expect(
      try run("SequenceEmpty", [], [.int("dtype", 7)])?.type == .sequence(.tensor(.int64, nil)))
    #expect(try run("SequenceLength", [sequence(a, b)])?.tensor == Tensor(2 as Int64))
    #expect(throws: OperatorError.self) {
      try run("SequenceConstruct", [.tensor(a), .tensor(int64s(1))])
    }
  }

  @Test func takesInsertsAndErases() throws {
    let last = Value.tensor(Tensor(-1 as Int64))
    let first = Value.tensor(Tensor(0 as Int32))
    #expect(try run("SequenceAt", [sequence(a, b), last])?.tensor == b)
    #expect(tensors(try run("SequenceErase", [sequence(a, b)])) == [a])
    #expect(tensors(try run("SequenceErase", [sequence(a, b), first])) == [b])
    #expect(tensors(try run("SequenceInsert", [sequence(a), .tensor(b)])) == [a, b])
    #expect(tensors(try run("SequenceInsert", [sequence(a), .tensor(b), first])) == [b, a])
    #expect(tensors(try run("SequenceInsert", [sequence(a), .tensor(b), last])) == [b, a])
    #expect(throws: OperatorError.input(1, "position 2 is out of bounds for 2 elements")) {
      try run("SequenceAt", [sequence(a, b), .tensor(Tensor(2 as Int64))])
    }
    #expect(throws: OperatorError.self) {
      try run("SequenceAt", [sequence(a, b), .tensor(Tensor(Int64.min))])
    }
    #expect(throws: OperatorError.self) { try run("SequenceErase", [sequence()]) }
    #expect(throws: OperatorError.self) {
      try run("SequenceInsert", [sequence(a), .tensor(int64s(1))])
    }
  }

  @Test func splitsAndConcatenates() throws {
    let x = counting([2, 3])
    let pieces = try run("SplitToSequence", [.tensor(x)], [.int("axis", 1)])
    #expect(tensors(pieces)?.map(\.shape) == [[2, 1], [2, 1], [2, 1]])
    #expect(
      tensors(try run("SplitToSequence", [.tensor(x)], [.int("axis", 1), .int("keepdims", 0)]))
        == [0, 1, 2].map { Tensor(shape: [2], [Float($0), Float($0 + 3)]) })
    let two = Value.tensor(Tensor(2 as Int64))
    #expect(
      tensors(try run("SplitToSequence", [.tensor(x), two], [.int("axis", 1)]))?.map(\.shape)
        == [[2, 2], [2, 1]])
    #expect(
      tensors(
        try run("SplitToSequence", [.tensor(x), .tensor(int64s(1, 2))], [.int("axis", -1)]))?
        .map(\.shape) == [[2, 1], [2, 2]])
    #expect(try run("ConcatFromSequence", [pieces], [.int("axis", 1)])?.tensor == x)
    #expect(
      try run("ConcatFromSequence", [sequence(a, a)], [.int("axis", -1), .int("new_axis", 1)])?
        .tensor == Tensor(shape: [2, 2], [0, 0, 1, 1] as [Float]))
    for split in [Tensor(0 as Int64), Tensor(-1 as Int64), int64s(1, 1), int64s(.max, .max)] {
      #expect(throws: OperatorError.self) {
        try run("SplitToSequence", [.tensor(x), .tensor(split)], [.int("axis", 1)])
      }
    }
    #expect(throws: OperatorError.self) {
      try run("ConcatFromSequence", [sequence()], [.int("axis", 0)])
    }
    #expect(throws: OperatorError.self) {
      try run("ConcatFromSequence", [sequence(a, b)], [.int("axis", 0), .int("new_axis", 1)])
    }
  }

  @Test func wrapsAndUnwrapsOptionals() throws {
    let full = try run("Optional", [.tensor(a)])
    #expect(full?.type == .optional(.tensor(a.type)))
    let type = ValueType.tensor(.float32, nil)
    let empty = try run("Optional", [], [Attribute("type", .type(type))])
    #expect(empty?.type == .optional(type))
    #expect(try run("OptionalHasElement", [full])?.tensor == Tensor(true))
    #expect(try run("OptionalHasElement", [empty])?.tensor == Tensor(false))
    #expect(try run("OptionalHasElement", [nil])?.tensor == Tensor(false))
    #expect(try run("OptionalHasElement", [.tensor(a)])?.tensor == Tensor(true))
    #expect(try run("OptionalGetElement", [full])?.tensor == a)
    #expect(try run("OptionalGetElement", [.tensor(a)])?.tensor == a)
    #expect(throws: OperatorError.self) { try run("OptionalGetElement", [empty]) }
    #expect(throws: OperatorError.self) { try run("Optional", []) }
  }

  @Test func mapsABodyOverSequences() throws {
    let body = Graph(
      name: "body",
      nodes: [Node("Concat", inputs: ["p", "q"], outputs: ["r"], attributes: [.int("axis", 0)])],
      inputs: [ValueInfo("p", nil), ValueInfo("q", nil)], outputs: [ValueInfo("r", nil)])
    let type = ValueType.sequence(.tensor(.float32, nil))
    let model = Model(
      graph: Graph(
        name: "test",
        nodes: [
          Node(
            "SequenceMap", inputs: ["s", "x"], outputs: ["y"], attributes: [.graph("body", body)])
        ],
        inputs: [ValueInfo("s", type), ValueInfo("x", .tensor(.float32, nil))],
        outputs: [ValueInfo("y", nil)]), operatorSets: [OperatorSetImport(version: 17)])
    let y = try Session(model).run(values: ["s": sequence(a, b), "x": .tensor(counting([1]))])
    #expect(tensors(y["y"])?.map(\.shape) == [[3], [4]])
  }
}
