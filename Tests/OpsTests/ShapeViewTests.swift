import ONNX
import ONNXOperators
import OperatorLaws
import Testing

/// 0, 1, 2, … in the given shape.
func counting(_ shape: [Int]) -> Tensor {
  Tensor(shape: shape, (0..<shape.reduce(1, *)).map { Float($0) })
}

func int64s(_ values: Int64...) -> Tensor { Tensor(shape: [values.count], values) }

/// Output 0 of a node with these inputs.
func result(
  _ type: String, _ inputs: [Tensor?], _ attributes: [Attribute] = [], opset: Int = 24,
  sourceLocation: SourceLocation = #_sourceLocation
) throws -> Tensor? {
  let names = inputs.indices.map { inputs[$0] == nil ? "" : "x\($0)" }
  let node = Node(type, inputs: names, outputs: ["y"], attributes: attributes)
  return try checkOperator(node, inputs, opset: opset, sourceLocation: sourceLocation)[0]
}

/// Expects an error that contains `words`.
func expectError(
  _ words: String, _ type: String, _ inputs: [Tensor?], _ attributes: [Attribute] = [],
  opset: Int = 24, outputs: Int = 1, sourceLocation: SourceLocation = #_sourceLocation
) {
  let names = inputs.indices.map { inputs[$0] == nil ? "" : "x\($0)" }
  let node = Node(
    type, inputs: names, outputs: (0..<outputs).map { "y\($0)" }, attributes: attributes)
  do {
    _ = try checkOperator(node, inputs, opset: opset)
    Issue.record("no error", sourceLocation: sourceLocation)
  } catch {
    #expect("\(error)".contains(words), sourceLocation: sourceLocation)
  }
}

/// The output types of a node whose inputs have these types and unknown contents.
func inferred(
  _ type: String, _ inputs: [ValueType], _ constants: [Tensor?] = [],
  _ attributes: [Attribute] = [], outputs: Int = 1, opset: Int = 24
) throws -> [ValueType] {
  let node = Node(
    type, inputs: inputs.indices.map { "x\($0)" }, outputs: (0..<outputs).map { "y\($0)" },
    attributes: attributes)
  return try Registry.standard.make(node, operatorSet: opset).operator.infer(
    Inputs(types: inputs, constants: constants.map { $0.map(Value.tensor) }))
}

@Suite struct ShapeViewTests {
  let x = counting([2, 3, 4])

  @Test(
    arguments: [
      ([4, 2, 3], [4, 2, 3]), ([2, -1, 2], [2, 6, 2]), ([-1, 2, 3, 4], [1, 2, 3, 4]),
      ([2, 0, 4, 1], [2, 3, 4, 1]), ([2, 0, 1, -1], [2, 3, 1, 4]),
    ] as [([Int64], [Int])])
  func reshapes(target: [Int64], shape: [Int]) throws {
    let y = try result("Reshape", [x, Tensor(shape: [target.count], target)])
    #expect(try y == x.reshaped(to: shape))
  }

  @Test func reshapesWithTheAttributeOfOpset1() throws {
    let y = try result(
      "Reshape", [x], [.ints("shape", [0, -1]), .ints("consumed_inputs", [0])], opset: 1)
    #expect(y?.shape == [2, 12])
  }

  @Test func reshapesToZeroWhereAllowed() throws {
    let empty = counting([0, 3, 4])
    #expect(
      try result("Reshape", [empty, int64s(3, 4, 0)], [.int("allowzero", 1)])?.shape == [3, 4, 0])
    // Copied dimensions cancel out, so an empty batch can be flattened.
    #expect(try result("Reshape", [empty, int64s(0, -1)])?.shape == [0, 12])
  }

  @Test func reshapesUnknownBatches() throws {
    let types = try inferred(
      "Reshape", [.tensor(.float32, [.symbol("N"), 3, 4]), .tensor(.int64, [2])],
      [nil, int64s(0, -1)])
    #expect(types == [.tensor(.float32, [.symbol("N"), 12])])
  }

  @Test func refusesShapesThatDoNotFit() {
    expectError("cannot reshape", "Reshape", [x, int64s(5, 5)])
    expectError("cannot reshape", "Reshape", [x, int64s(-1, 5)])
    expectError("more than one", "Reshape", [x, int64s(-1, -1)])
    expectError("negative size", "Reshape", [x, int64s(.min, 24)])
    expectError("size 0 at axis 3", "Reshape", [x, int64s(2, 3, 4, 0)])
    expectError("overflows", "Reshape", [x, int64s(.max, .max)])
  }

  @Test(arguments: [(0, [1, 24]), (1, [2, 12]), (3, [24, 1]), (-1, [6, 4]), (-3, [1, 24])])
  func flattens(axis: Int, shape: [Int]) throws {
    #expect(try result("Flatten", [x], [.int("axis", axis)]) == x.reshaped(to: shape))
  }

  @Test func keepsSymbolsWhenFlattening() throws {
    let types = try inferred("Flatten", [.tensor(.float32, [.symbol("N"), 3, 4])])
    #expect(types == [.tensor(.float32, [.symbol("N"), 12])])
  }

  @Test func refusesAxesBeyondTheRank() {
    expectError("out of range for rank 3", "Flatten", [x], [.int("axis", 4)])
    expectError("out of range for rank 3", "Flatten", [x], [.int("axis", .min)])
    expectError("out of range for rank 3", "Squeeze", [x, int64s(.min)])
    expectError("out of range for rank 4", "Unsqueeze", [x, int64s(4)])
    expectError("out of range for rank 3", "Concat", [x, x], [.int("axis", .max)])
    expectError("out of range for rank 3", "Transpose", [x], [.ints("perm", [0, 1, 3])])
  }

  @Test func squeezes() throws {
    let x = counting([1, 3, 1, 5])
    #expect(try result("Squeeze", [x, int64s(0)])?.shape == [3, 1, 5])
    #expect(try result("Squeeze", [x, int64s(-2)])?.shape == [1, 3, 5])
    #expect(try result("Squeeze", [x])?.shape == [3, 5])
    #expect(try result("Squeeze", [x], [.ints("axes", [0, 2])], opset: 11)?.shape == [3, 5])
    expectError("expected size 1", "Squeeze", [x, int64s(1)])
    expectError("given twice", "Squeeze", [x, int64s(0, -4)])
  }

  @Test func unsqueezes() throws {
    let x = counting([3, 4])
    #expect(try result("Unsqueeze", [x, int64s(0, 3)])?.shape == [1, 3, 4, 1])
    #expect(try result("Unsqueeze", [x, int64s(-1)])?.shape == [3, 4, 1])
    #expect(
      try result("Unsqueeze", [x], [.ints("axes", [2, 0])], opset: 1)?.shape == [1, 3, 1, 4])
    expectError("given twice", "Unsqueeze", [x, int64s(0, 0)])
  }

  @Test func handsOnAnyValue() throws {
    #expect(try result("Identity", [x]) == x)
    let sequence = Value.sequence(SequenceValue([.tensor(x)]))
    let node = Node("Identity", inputs: ["x"], outputs: ["y"])
    let y = try checkOperator(node, values: [sequence])
    #expect(y[0]?.type == sequence.type)
  }

  @Test func tellsShapeAndSize() throws {
    #expect(try result("Shape", [x]) == int64s(2, 3, 4))
    #expect(try result("Shape", [x], [.int("start", 1)]) == int64s(3, 4))
    #expect(try result("Shape", [x], [.int("end", -1)]) == int64s(2, 3))
    #expect(try result("Shape", [x], [.int("start", -9), .int("end", 2)]) == int64s(2, 3))
    #expect(try result("Shape", [x], [.int("start", 2), .int("end", 1)])?.shape == [0])
    #expect(
      try result("Shape", [x], [.int("start", .min), .int("end", .max)]) == int64s(2, 3, 4))
    #expect(try result("Size", [x]) == Tensor(24 as Int64))
  }

  @Test func needsNoContentsForShapeAndSize() throws {
    for type in ["Shape", "Size"] {
      let node = Node(type, inputs: ["x"], outputs: ["y"])
      let made = try Registry.standard.make(node, operatorSet: 20).operator
      #expect(made.needsOnlyTypes)
      let y = try made.evaluate(
        Inputs(types: [.tensor(.float32, [1 << 20, 1 << 20])]),
        Call(inputs: [nil], pool: ThreadPool(threads: 1), context: UnlimitedRun()),
        wanted: [true])
      #expect(y[0]?.tensor?.elementType == .int64)
    }
  }
}
