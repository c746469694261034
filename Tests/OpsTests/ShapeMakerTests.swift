import ONNX
import ONNXOperators
import Testing

@Suite struct ShapeMakerTests {
  // MARK: Constant

  @Test func makesConstantsOfEveryAttribute() throws {
    let value = Tensor(shape: [2], [1, 2] as [Float])
    #expect(try result("Constant", [], [.tensor("value", value)], opset: 1) == value)
    #expect(try result("Constant", [], [.int("value_int", 3)]) == Tensor(3 as Int64))
    #expect(try result("Constant", [], [.ints("value_ints", [1, 2])]) == int64s(1, 2))
    #expect(try result("Constant", [], [.float("value_float", 0.5)]) == Tensor(0.5 as Float))
    #expect(try result("Constant", [], [.floats("value_floats", [1, 2])]) == value)
    #expect(try result("Constant", [], [.string("value_string", "a")]) == Tensor("a"))
    #expect(
      try result("Constant", [], [.strings("value_strings", ["a", "b"])])
        == Tensor(shape: [2], ["a", "b"]))
  }

  @Test func makesSparseConstantsDense() throws {
    func sparse(_ indices: Tensor, _ shape: [Int]) -> Attribute {
      Attribute(
        "sparse_value",
        .sparseTensor(
          SparseTensor(
            values: NamedTensor(nil, Tensor(shape: [2], [5, 6] as [Float])),
            indices: NamedTensor(nil, indices), shape: shape)))
    }
    let y = Tensor(shape: [2, 3], [0, 5, 0, 0, 0, 6] as [Float])
    #expect(try result("Constant", [], [sparse(int64s(1, 5), [2, 3])]) == y)
    let pairs = Tensor(shape: [2, 2], [0, 1, 1, 2] as [Int64])
    #expect(try result("Constant", [], [sparse(pairs, [2, 3])]) == y)
    expectError("out of range", "Constant", [], [sparse(int64s(1, 6), [2, 3])])
    expectError("no tensor has shape", "Constant", [], [sparse(int64s(1, 2), [.max, .max])])
  }

  @Test func refusesConstantsWithoutOneValue() {
    expectError("expected one attribute", "Constant", [])
    expectError(
      "expected one attribute", "Constant", [], [.int("value_int", 1), .float("value_float", 1)])
    expectError(
      "unknown attribute", "Constant", [], [.tensor("value", counting([1])), .int("value_int", 1)],
      opset: 11)
  }

  @Test func fillsAShape() throws {
    #expect(
      try result(
        "ConstantOfShape", [int64s(2, 2)], [.tensor("value", Tensor(shape: [1], [7] as [Int8]))])
        == Tensor(shape: [2, 2], [7, 7, 7, 7] as [Int8]))
    #expect(try result("ConstantOfShape", [int64s(0)]) == counting([0]))
    #expect(
      try result("ConstantOfShape", [Tensor(shape: [0], [Int64]())]) == Tensor(0 as Float))
    #expect(
      try result("ConstantOfShape", [int64s(2)], [.tensor("value", Tensor(shape: [1], ["x"]))])
        == Tensor(shape: [2], ["x", "x"]))
    expectError("no tensor has shape", "ConstantOfShape", [int64s(-1)])
    expectError("no tensor has shape", "ConstantOfShape", [int64s(.max, .max)])
    expectError(
      "one element", "ConstantOfShape", [int64s(1)], [.tensor("value", counting([2]))])
  }

  @Test func asksForMemoryFirst() throws {
    final class Limited: RunContext {
      func reserve(bytes: Int) throws(OperatorError) {
        if bytes > 1 << 20 { throw .memory(needed: bytes, limit: 1 << 20) }
      }
      func countTrip() throws(OperatorError) {}
      func nextSeed() -> UInt64 { 0 }
    }
    let huge = int64s(1 << 40)
    for (type, inputs) in [
      ("ConstantOfShape", [huge]), ("Expand", [counting([1]), huge]),
      ("Tile", [counting([1]), huge]), ("Pad", [counting([1]), int64s(0, 1 << 40)]),
      ("Range", [Tensor(0 as Int64), Tensor(1 << 40 as Int64), Tensor(1 as Int64)]),
      ("OneHot", [int64s(0), huge, counting([2])]),
    ] {
      let node = Node(type, inputs: inputs.indices.map { "x\($0)" }, outputs: ["y"])
      let made = try Registry.standard.make(node, operatorSet: 20).operator
      #expect(throws: OperatorError.self, "\(type)") {
        try made.evaluate(
          Call(
            inputs: inputs.map(Value.tensor), pool: ThreadPool(threads: 1), context: Limited()),
          wanted: [true])
      }
    }
  }

  // MARK: Range

  @Test func countsUpAndDown() throws {
    func range<T: Element>(_ start: T, _ limit: T, _ delta: T, opset: Int = 11) throws -> Tensor? {
      try result("Range", [Tensor(start), Tensor(limit), Tensor(delta)], opset: opset)
    }
    #expect(try range(1 as Float, 5, 2) == Tensor(shape: [2], [1, 3] as [Float]))
    #expect(try range(10 as Int32, 6, -3) == Tensor(shape: [2], [10, 7] as [Int32]))
    #expect(try range(3 as Int64, 9, 3) == int64s(3, 6))
    #expect(try range(5 as Int16, 5, 1)?.shape == [0])
    #expect(try range(5 as Double, 1, 1)?.shape == [0])
    #expect(
      try range(Int64.min, .max, .max) == int64s(.min, -1, .max - 1))
    #expect(
      try range(BFloat16(1), BFloat16(2), BFloat16(0.5), opset: 27)
        == Tensor(shape: [2], [BFloat16(1), BFloat16(1.5)]))
    #expect(
      try range(0 as Float16, 1, 0.25, opset: 27)
        == Tensor(shape: [4], [0, 0.25, 0.5, 0.75] as [Float16]))
  }

  @Test func refusesEndlessRanges() {
    func refuse<T: Element>(_ words: String, _ start: T, _ limit: T, _ delta: T) {
      expectError(words, "Range", [Tensor(start), Tensor(limit), Tensor(delta)])
    }
    refuse("delta is 0", 0 as Int64, 1, 0)
    refuse("too many", Int64.min, .max, 1)
    refuse("no range", 0 as Float, 1, 0)
    refuse("no range", 0 as Float, 1, .nan)
    refuse("no range", 0 as Float, .infinity, 1)
    refuse("too many", 0 as Double, 1e300, 1e-300)
    expectError(
      "expected a scalar", "Range", [counting([2]), Tensor(1 as Float), Tensor(1 as Float)])
  }

  // MARK: EyeLike

  @Test(
    arguments: [
      (0, [1, 0, 0, 0, 1, 0]), (1, [0, 1, 0, 0, 0, 1]), (-1, [0, 0, 0, 1, 0, 0]),
      (2, [0, 0, 1, 0, 0, 0]), (.max, [0, 0, 0, 0, 0, 0]), (.min, [0, 0, 0, 0, 0, 0]),
    ] as [(Int, [Int32])])
  func drawsADiagonal(k: Int, expected: [Int32]) throws {
    #expect(
      try result("EyeLike", [counting([2, 3])], [.int("k", k), .int("dtype", 6)])
        == Tensor(shape: [2, 3], expected))
    #expect(try result("EyeLike", [counting([2, 3])])?.elementType == .float32)
    expectError("string is not supported", "EyeLike", [counting([1, 1])], [.int("dtype", 8)])
    expectError("is not an element type", "EyeLike", [counting([1, 1])], [.int("dtype", .max)])
    expectError("expected rank 2", "EyeLike", [counting([1])])
  }
}
