import ONNX
import OperatorLaws
import Testing

@Suite struct ShapeIndexTests {
  let data = Tensor(shape: [3, 2], [1, 1.2, 2.3, 3.4, 4.5, 5.7] as [Float])

  // MARK: Gather

  @Test func gathersSlices() throws {
    let y = Tensor(
      shape: [2, 2, 2], [1, 1.2, 2.3, 3.4, 2.3, 3.4, 4.5, 5.7] as [Float])
    let indices = Tensor(shape: [2, 2], [0, 1, 1, 2] as [Int64])
    #expect(try result("Gather", [data, indices]) == y)
    let negative = Tensor(shape: [2, 2], [-3, 1, -2, -1] as [Int32])
    #expect(try result("Gather", [data, negative]) == y)
    #expect(
      try result("Gather", [data, Tensor(1 as Int64)], [.int("axis", 1)])
        == Tensor(shape: [3], [1.2, 3.4, 5.7] as [Float]))
  }

  @Test func gathersEverySizeOfBlock() throws {
    for width in [1, 2, 3, 4, 16, 33] {
      let rows = counting([5, width])
      let y = try result("Gather", [rows, int64s(4, 0)])
      #expect(
        try y?.array(as: Float.self)
          == (0..<width).map { Float(4 * width + $0) } + (0..<width).map { Float($0) })
    }
    #expect(
      try result("Gather", [Tensor(shape: [3], ["a", "b", "c"]), int64s(2, -3)])
        == Tensor(shape: [2], ["c", "a"]))
  }

  @Test func infersGatherOfUnknownSizes() throws {
    #expect(
      try inferred(
        "Gather",
        [.tensor(.float32, [.symbol("V"), 8]), .tensor(.int64, [.symbol("N"), .symbol("T")])])
        == [.tensor(.float32, [.symbol("N"), .symbol("T"), 8])])
  }

  @Test func refusesIndicesBeyondTheEnd() {
    expectError("index 3 at element 1 is out of bounds for size 3", "Gather", [data, int64s(0, 3)])
    expectError("out of bounds for size 3", "Gather", [data, int64s(.min)])
    expectError("out of bounds for size 0", "Gather", [counting([0, 2]), int64s(0)])
    expectError(
      "out of bounds for size 3", "Gather", [counting([0, 3]), int64s(5)], [.int("axis", 1)])
    expectError("expected one of int32, int64", "Gather", [data, counting([1])])
  }

  @Test func gathersElements() throws {
    let x = Tensor(shape: [3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9] as [Float])
    #expect(
      try result(
        "GatherElements", [x, Tensor(shape: [2, 3], [1, 2, 0, 2, 0, 0] as [Int64])])
        == Tensor(shape: [2, 3], [4, 8, 3, 7, 2, 3] as [Float]))
    #expect(
      try result(
        "GatherElements", [x, Tensor(shape: [2, 2], [0, 0, -2, 0] as [Int32])],
        [.int("axis", 1)])
        == Tensor(shape: [2, 2], [1, 1, 5, 4] as [Float]))
    expectError(
      "expected rank 2", "GatherElements", [x, int64s(1)])
    expectError(
      "is larger than", "GatherElements", [x, Tensor(shape: [1, 4], [0, 0, 0, 0] as [Int64])])
    expectError(
      "out of bounds for size 3", "GatherElements", [x, Tensor(shape: [1, 1], [3] as [Int64])])
  }

  @Test func gathersTuples() throws {
    let x = Tensor(shape: [2, 2], [0, 1, 2, 3] as [Int32])
    let tuples = Tensor(shape: [2, 2], [0, 0, 1, -1] as [Int64])
    #expect(try result("GatherND", [x, tuples]) == Tensor(shape: [2], [0, 3] as [Int32]))
    #expect(
      try result("GatherND", [x, Tensor(shape: [2, 1], [1, 0] as [Int64])])
        == Tensor(shape: [2, 2], [2, 3, 0, 1] as [Int32]))
    let cube = Tensor(shape: [2, 2, 2], [0, 1, 2, 3, 4, 5, 6, 7] as [Int32])
    #expect(
      try result(
        "GatherND", [cube, Tensor(shape: [2, 1], [1, 0] as [Int64])], [.int("batch_dims", 1)])
        == Tensor(shape: [2, 2], [2, 3, 4, 5] as [Int32]))
    expectError(
      "out of bounds for size 2", "GatherND", [x, Tensor(shape: [1, 2], [0, 2] as [Int64])])
    expectError("do not fit", "GatherND", [x, Tensor(shape: [1, 3], [0, 0, 0] as [Int64])])
    expectError("batch_dims", "GatherND", [x, tuples], [.int("batch_dims", 2)])
    expectError("batch_dims", "GatherND", [x, tuples], [.int("batch_dims", .min)])
  }

  // MARK: Scatter

  @Test(arguments: [("Scatter", 9), ("Scatter", 11), ("ScatterElements", 11)])
  func scattersElements(type: String, opset: Int) throws {
    #expect(
      try result(
        type,
        [
          counting([3, 3]).zeros(), Tensor(shape: [2, 3], [1, 0, 2, 0, 2, 1] as [Int64]),
          Tensor(shape: [2, 3], [1, 1.1, 1.2, 2, 2.1, 2.2] as [Float]),
        ], opset: opset)
        == Tensor(shape: [3, 3], [2, 1.1, 0, 1, 0, 2.2, 0, 2.1, 1.2] as [Float]))
    #expect(
      try result(
        type,
        [
          Tensor(shape: [1, 5], [1, 2, 3, 4, 5] as [Float]),
          Tensor(shape: [1, 2], [1, -2] as [Int64]), Tensor(shape: [1, 2], [1.1, 2.1] as [Float]),
        ], [.int("axis", 1)], opset: opset)
        == Tensor(shape: [1, 5], [1, 1.1, 3, 2.1, 5] as [Float]))
  }

  @Test(
    arguments: [
      ("none", [1, 7, 3]), ("add", [1, 14, 3]), ("mul", [1, 70, 3]), ("max", [1, 7, 3]),
      ("min", [1, 2, 3]),
    ] as [(String, [Int32])])
  func reducesWhatFallsOnOnePlace(reduction: String, expected: [Int32]) throws {
    let data = Tensor(shape: [3], [1, 2, 3] as [Int32])
    let updates = Tensor(shape: [2], [5, 7] as [Int32])
    let attributes = [Attribute.string("reduction", reduction)]
    let y = Tensor(shape: [3], expected)
    #expect(try result("ScatterElements", [data, int64s(1, 1), updates], attributes) == y)
    let tuples = Tensor(shape: [2, 1], [1, 1] as [Int64])
    #expect(try result("ScatterND", [data, tuples, updates], attributes) == y)
  }

  @Test func scattersTuples() throws {
    let data = Tensor(shape: [8], [1, 2, 3, 4, 5, 6, 7, 8] as [Float])
    #expect(
      try result(
        "ScatterND",
        [
          data, Tensor(shape: [4, 1], [4, 3, 1, 7] as [Int64]),
          Tensor(shape: [4], [9, 10, 11, 12] as [Float]),
        ]) == Tensor(shape: [8], [1, 11, 3, 10, 9, 6, 7, 12] as [Float]))
    #expect(
      try result(
        "ScatterND",
        [
          Tensor(shape: [2, 2], ["a", "b", "c", "d"]), Tensor(shape: [1, 1], [-1] as [Int64]),
          Tensor(shape: [1, 2], ["e", "f"]),
        ]) == Tensor(shape: [2, 2], ["a", "b", "e", "f"]))
  }

  @Test func refusesBadUpdates() {
    let x = counting([3])
    expectError("out of bounds for size 3", "ScatterElements", [x, int64s(3), counting([1])])
    expectError("shape of the indices", "ScatterElements", [x, int64s(1), counting([2])])
    expectError("element type", "ScatterElements", [x, int64s(1), int64s(1)])
    expectError(
      "'reduction'", "ScatterElements", [x, int64s(1), counting([1])],
      [.string("reduction", "max")], opset: 16)
    expectError(
      "expected shape [1]", "ScatterND",
      [x, Tensor(shape: [1, 1], [0] as [Int64]), counting([2])])
    expectError(
      "'add' does not support string", "ScatterElements",
      [Tensor(shape: [1], ["a"]), int64s(0), Tensor(shape: [1], ["b"])],
      [.string("reduction", "add")])
  }

  @Test func writesIntoACache() throws {
    let cache = counting([2, 4, 1]).zeros()
    let update = Tensor(shape: [2, 2, 1], [1, 2, 3, 4] as [Float])
    #expect(
      try result("TensorScatter", [cache, update, int64s(1, 2)])
        == Tensor(shape: [2, 4, 1], [0, 1, 2, 0, 0, 0, 3, 4] as [Float]))
    #expect(
      try result(
        "TensorScatter", [cache, update, int64s(3, -1)], [.string("mode", "circular")])
        == Tensor(shape: [2, 4, 1], [2, 0, 0, 1, 4, 0, 0, 3] as [Float]))
    expectError("index 3 of row 1", "TensorScatter", [cache, update, int64s(1, 3)])
    expectError("index", "TensorScatter", [cache, update, int64s(.min, 0)])
    expectError("other than 0, the batch", "TensorScatter", [cache, update], [.int("axis", 0)])
    expectError("does not fit", "TensorScatter", [cache, counting([2, 5, 1])])
  }

  // MARK: choosing

  @Test func compresses() throws {
    let x = Tensor(shape: [3, 2], [1, 2, 3, 4, 5, 6] as [Float])
    let last = Tensor(shape: [3], [false, true, true])
    #expect(
      try result("Compress", [x, last], [.int("axis", 0)])
        == Tensor(shape: [2, 2], [3, 4, 5, 6] as [Float]))
    #expect(
      try result("Compress", [x, Tensor(shape: [2], [false, true])], [.int("axis", 1)])
        == Tensor(shape: [3, 1], [2, 4, 6] as [Float]))
    #expect(
      try result("Compress", [x, Tensor(shape: [5], [false, true, false, false, true])])
        == Tensor(shape: [2], [2, 5] as [Float]))
    expectError("true at element 2", "Compress", [x, last], [.int("axis", 1)])
  }

  @Test func findsWhatIsNotZero() throws {
    #expect(
      try result("NonZero", [Tensor(shape: [2, 2], [true, false, true, true])])
        == Tensor(shape: [2, 3], [0, 1, 1, 0, 0, 1] as [Int64]))
    #expect(
      try result("NonZero", [Tensor(shape: [3], [-0.0, .nan, 1] as [Float])])
        == Tensor(shape: [1, 2], [1, 2] as [Int64]))
    #expect(try result("NonZero", [Tensor(1 as Float)])?.shape == [0, 1])
  }

  @Test func encodesOneHot() throws {
    let values = Tensor(shape: [2], [2, 5] as [Float])
    #expect(
      try result("OneHot", [int64s(0, -1, 7), Tensor(3 as Float), values])
        == Tensor(shape: [3, 3], [5, 2, 2, 2, 2, 5, 2, 2, 2] as [Float]))
    #expect(
      try result(
        "OneHot", [Tensor(shape: [3], [1, .nan, -1.5] as [Float]), int64s(2), values],
        [.int("axis", 0)])
        == Tensor(shape: [2, 3], [2, 2, 2, 5, 2, 5] as [Float]))
    expectError("not negative", "OneHot", [int64s(0), int64s(-1), values])
    expectError("two elements", "OneHot", [int64s(0), int64s(1), counting([3])])
    expectError(
      "out of range for rank 2", "OneHot", [int64s(0), int64s(1), values], [.int("axis", 2)])
  }

  @Test func findsUniqueElements() throws {
    let x = Tensor(shape: [6], [2, 1, 1, 3, 4, 3] as [Float])
    func unique(_ x: Tensor, _ attributes: [Attribute] = []) throws -> [Tensor?] {
      try checkOperator(
        Node("Unique", inputs: ["x"], outputs: ["y", "i", "n", "c"], attributes: attributes), [x])
    }
    #expect(
      try unique(x, [.int("sorted", 0)]) == [
        Tensor(shape: [4], [2, 1, 3, 4] as [Float]), int64s(0, 1, 3, 4),
        int64s(0, 1, 1, 2, 3, 2), int64s(1, 2, 2, 1),
      ])
    #expect(
      try unique(x) == [
        Tensor(shape: [4], [1, 2, 3, 4] as [Float]), int64s(1, 0, 3, 4),
        int64s(1, 0, 0, 2, 3, 2), int64s(2, 1, 2, 1),
      ])
    let rows = Tensor(shape: [3, 3], [1, 0, 0, 1, 0, 0, 2, 3, 4] as [Float])
    #expect(
      try unique(rows, [.int("axis", 0)]) == [
        Tensor(shape: [2, 3], [1, 0, 0, 2, 3, 4] as [Float]), int64s(0, 2), int64s(0, 0, 1),
        int64s(2, 1),
      ])
    #expect(
      try unique(rows, [.int("axis", -1)])[0]
        == Tensor(shape: [3, 3], [0, 0, 1, 0, 0, 1, 3, 4, 2] as [Float]))
    let nans = try unique(Tensor(shape: [4], [2, .nan, 1, .nan] as [Float]))
    #expect(nans[1] == int64s(2, 0, 1))
    #expect(nans[3] == int64s(1, 1, 2))
    #expect(try unique(counting([0]))[0]?.shape == [0])
  }

  @Test func reversesSequences() throws {
    let x = counting([4, 4])
    #expect(
      try result(
        "ReverseSequence", [x, int64s(1, 2, 3, 4)],
        [.int("time_axis", 1), .int("batch_axis", 0)])
        == Tensor(
          shape: [4, 4],
          [0, 1, 2, 3, 5, 4, 6, 7, 10, 9, 8, 11, 15, 14, 13, 12] as [Float]))
    expectError("length 5 of row 0", "ReverseSequence", [x, int64s(5, 0, 0, 0)])
    expectError("length", "ReverseSequence", [x, int64s(.min, 0, 0, 0)])
    expectError("do not fit", "ReverseSequence", [x, int64s(1)])
    expectError("0 and 1", "ReverseSequence", [x, int64s(1, 1, 1, 1)], [.int("time_axis", 1)])
  }

  @Test(
    arguments: [
      (true, 0, [1, 2, 3, 0, 5, 6]), (true, 1, [0, 2, 3, 0, 0, 6]), (true, -1, [1, 2, 3, 4, 5, 6]),
      (false, 0, [1, 0, 0, 4, 5, 0]), (false, -1, [0, 0, 0, 4, 0, 0]),
      (true, .max, [0, 0, 0, 0, 0, 0]),
      (false, .min, [0, 0, 0, 0, 0, 0]),
    ] as [(Bool, Int64, [Int32])])
  func keepsATriangle(isUpper: Bool, k: Int64, expected: [Int32]) throws {
    let x = Tensor(shape: [2, 3], [1, 2, 3, 4, 5, 6] as [Int32])
    #expect(
      try result("Trilu", [x, Tensor(k)], [.int("upper", isUpper ? 1 : 0)])
        == Tensor(shape: [2, 3], expected))
  }
}

extension Tensor {
  /// A tensor of the same shape filled with 0.
  fileprivate func zeros() -> Tensor {
    Tensor(shape: shape, Array(repeating: 0 as Float, count: count))
  }

}
