import ONNX
import OperatorLaws
import Testing

@Suite struct ShapeCopyTests {
  let x = Tensor(shape: [2, 3], [1, 2, 3, 4, 5, 6] as [Float])

  // MARK: Transpose

  @Test func transposesByDefaultToReversedAxes() throws {
    #expect(
      try result("Transpose", [x]) == Tensor(shape: [3, 2], [1, 4, 2, 5, 3, 6] as [Float]))
  }

  /// Every permutation of four axes, every element size, and strings, against the definition.
  @Test func transposesEveryWay() throws {
    let sizes = [3, 2, 5, 4]
    let bytes = (0..<120).map { UInt8($0) }
    let complex = try Tensor(uninitialized: .complex128, shape: sizes)
    for i in 0..<120 {
      complex.storage.pointer.assumingMemoryBound(to: SIMD2<Double>.self)[i] = [Double(i), 1]
    }
    for order in permutations([0, 1, 2, 3]) {
      let places = transposed(sizes, order)
      let shape = order.map { sizes[$0] }
      func check<T: Element>(_ values: [T]) throws {
        let y = try result(
          "Transpose", [Tensor(shape: sizes, values)], [.ints("perm", order)])
        #expect(y == Tensor(shape: shape, places.map { values[$0] }), "\(order)")
      }
      try check(bytes)
      try check(bytes.map { Int16($0) })
      try check(bytes.map { Float($0) })
      try check(bytes.map { Int64($0) })
      try check(bytes.map { "text number \($0), not a short one" })
      let y = try result("Transpose", [complex], [.ints("perm", order)])
      #expect(
        y?.bits(as: SIMD2<Double>.self).map { Int($0.x) } == places, "\(order)")
    }
  }

  @Test(arguments: [[1, 0], [0, 2, 1], [2, 0, 1], [2, 1, 0]])
  func transposesLargeTensorsInBlocks(order: [Int]) throws {
    let sizes = order.count == 2 ? [150, 230] : [9, 70, 65]
    let places = transposed(sizes, order)
    func check<T: Element>(_ convert: (Int) -> T) throws {
      let values = (0..<sizes.reduce(1, *)).map(convert)
      let y = try result("Transpose", [Tensor(shape: sizes, values)], [.ints("perm", order)])
      #expect(y == Tensor(shape: order.map { sizes[$0] }, places.map { values[$0] }))
    }
    try check { UInt8(truncatingIfNeeded: $0) }
    try check { Int16(truncatingIfNeeded: $0) }
    try check { Float($0) }
    try check { Int64($0) }
  }

  @Test func permutesSymbols() throws {
    let types = try inferred(
      "Transpose", [.tensor(.float32, [.symbol("N"), 3, .symbol("T")])], [],
      [.ints("perm", [2, 0, 1])])
    #expect(types == [.tensor(.float32, [.symbol("T"), .symbol("N"), 3])])
  }

  @Test func refusesWhatIsNoPermutation() {
    expectError("given twice", "Transpose", [x], [.ints("perm", [0, 0])])
    expectError("expected 2 axes", "Transpose", [x], [.ints("perm", [0])])
  }

  // MARK: Concat, Split

  @Test func concatenatesAlongAnyAxis() throws {
    let y = Tensor(shape: [2, 1], [7, 8] as [Float])
    #expect(
      try result("Concat", [x, y], [.int("axis", -1)])
        == Tensor(shape: [2, 4], [1, 2, 3, 7, 4, 5, 6, 8] as [Float]))
    #expect(
      try result("Concat", [x, x], [.int("axis", 0)])
        == Tensor(shape: [4, 3], [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6] as [Float]))
    #expect(try result("Concat", [x, y], opset: 1)?.shape == [2, 4])
    #expect(try result("Concat", [x], [.int("axis", 0)]) == x)
    let words = Tensor(shape: [2], ["a", "b"])
    #expect(
      try result("Concat", [words, words], [.int("axis", 0)])
        == Tensor(shape: [4], ["a", "b", "a", "b"]))
  }

  @Test func addsKnownSizesOfConcat() throws {
    let types = try inferred(
      "Concat", [.tensor(.float32, [.symbol("N"), 3]), .tensor(.float32, [.unknown, 4])], [],
      [.int("axis", 1)])
    #expect(types == [.tensor(.float32, [.symbol("N"), 7])])
  }

  @Test func refusesToConcatenateWhatDoesNotFit() {
    expectError("does not fit", "Concat", [x, counting([3, 3])], [.int("axis", 1)])
    expectError("expected rank 2", "Concat", [x, counting([2])], [.int("axis", 1)])
    expectError(
      "element type", "Concat", [x, Tensor(shape: [2, 3], [1, 2, 3, 4, 5, 6] as [Int32])],
      [.int("axis", 1)])
    expectError("'axis'", "Concat", [x, x])
  }

  @Test(arguments: [2, 11, 13, 18])
  func splits(opset: Int) throws {
    let x = counting([2, 6])
    let node = Node(
      "Split", inputs: opset < 13 ? ["x"] : ["x", "split"], outputs: ["a", "", "c"],
      attributes: [.int("axis", 1)] + (opset < 13 ? [.ints("split", [2, 1, 3])] : []))
    let y = try checkOperator(node, opset < 13 ? [x] : [x, int64s(2, 1, 3)], opset: opset)
    #expect(y[0] == Tensor(shape: [2, 2], [0, 1, 6, 7] as [Float]))
    #expect(y[1] == nil)
    #expect(y[2] == Tensor(shape: [2, 3], [3, 4, 5, 9, 10, 11] as [Float]))
  }

  @Test func splitsOpset1WithLengthsAsInput() throws {
    let node = Node("Split", inputs: ["x", "split"], outputs: ["a", "b"])
    let y = try checkOperator(
      node, [counting([5]), Tensor(shape: [2], [2, 3] as [Float])], opset: 1)
    #expect(y == [counting([2]), Tensor(shape: [3], [2, 3, 4] as [Float])])
  }

  @Test func splitsIntoEqualPiecesAndARest() throws {
    let node = Node(
      "Split", inputs: ["x"], outputs: ["a", "b", "c", "d"],
      attributes: [.int("num_outputs", 4)])
    let y = try checkOperator(node, [counting([7])], opset: 18)
    #expect(y.map { $0?.count } == [2, 2, 2, 1])
  }

  @Test func refusesLengthsThatDoNotSumUp() {
    expectError("sum of the lengths", "Split", [x, int64s(1, 1)], [.int("axis", 1)], outputs: 2)
    expectError(
      "sum of the lengths", "Split", [x, int64s(.max, .max)], [.int("axis", 1)], outputs: 2)
    expectError("negative", "Split", [x, int64s(-1, 4)], [.int("axis", 1)], outputs: 2)
    expectError("2 lengths", "Split", [x, int64s(1, 2)], [.int("axis", 1)], outputs: 3)
    expectError("equal parts", "Split", [x], opset: 13, outputs: 3)
    expectError("equal parts", "Split", [counting([1])], outputs: 4)
    expectError("num_outputs", "Split", [x], [.int("num_outputs", .max)], outputs: 2)
  }

  // MARK: Slice

  @Test func slices() throws {
    let x = Tensor(shape: [2, 4], [1, 2, 3, 4, 5, 6, 7, 8] as [Float])
    // The two examples of the standard.
    #expect(
      try result("Slice", [x, int64s(1, 0), int64s(2, 3), int64s(0, 1), int64s(1, 2)])
        == Tensor(shape: [1, 2], [5, 7] as [Float]))
    #expect(
      try result("Slice", [x, int64s(0, 1), int64s(-1, 1000)])
        == Tensor(shape: [1, 3], [2, 3, 4] as [Float]))
    #expect(
      try result(
        "Slice", [x], [.ints("starts", [0, 1]), .ints("ends", [-1, 1000])], opset: 1)
        == Tensor(shape: [1, 3], [2, 3, 4] as [Float]))
    #expect(
      try result("Slice", [x, int64s(.max), int64s(.min), int64s(1), int64s(-3)])
        == Tensor(shape: [2, 2], [4, 1, 8, 5] as [Float]))
    #expect(
      try result("Slice", [x, int64s(-1), int64s(.min), int64s(-1), int64s(.min)])
        == Tensor(shape: [2, 1], [4, 8] as [Float]))
    #expect(
      try result("Slice", [x, int64s(3), int64s(1), int64s(1)]) == Tensor(shape: [2, 0], [Float]()))
  }

  @Test func slicesEveryElementSizeAndStrings() throws {
    let words = Tensor(shape: [3, 2], ["a", "b", "c", "d", "e", "f"])
    #expect(
      try result("Slice", [words, int64s(2), int64s(.min), int64s(0), int64s(-2)])
        == Tensor(shape: [2, 2], ["e", "f", "a", "b"]))
    let bytes = Tensor(shape: [6], [1, 2, 3, 4, 5, 6] as [UInt8])
    #expect(
      try result("Slice", [bytes, int64s(1), int64s(6), int64s(0), int64s(2)])
        == Tensor(shape: [3], [2, 4, 6] as [UInt8]))
  }

  @Test func infersSlicesOfUnknownSizes() throws {
    let type = ValueType.tensor(.float32, [.symbol("N"), 10])
    let list = ValueType.tensor(.int64, [1])
    #expect(
      try inferred(
        "Slice", [type, list, list, list], [nil, int64s(2), int64s(.max), int64s(1)])
        == [.tensor(.float32, [.symbol("N"), 8])])
    #expect(
      try inferred("Slice", [type, list, list, list], [nil, nil, nil, int64s(1)])
        == [.tensor(.float32, [.symbol("N"), .unknown])])
    #expect(
      try inferred(
        "Slice", [type, list, list, list], [nil, int64s(0), int64s(.max), int64s(0)]) == [type])
  }

  @Test func refusesBadSlices() {
    expectError("step is 0", "Slice", [x, int64s(0), int64s(1), int64s(0), int64s(0)])
    expectError("given twice", "Slice", [x, int64s(0, 0), int64s(1, 1), int64s(0, -2)])
    expectError("as many", "Slice", [x, int64s(0), int64s(1, 2)])
    expectError("as many", "Slice", [x, int64s(0, 0, 0), int64s(1, 2, 3)])
    expectError("out of range for rank", "Slice", [x, int64s(0), int64s(1), int64s(2)])
  }

  // MARK: Expand, Tile

  @Test func expands() throws {
    let column = Tensor(shape: [3, 1], [1, 2, 3] as [Float])
    #expect(
      try result("Expand", [column, int64s(3, 4)])
        == Tensor(shape: [3, 4], [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3] as [Float]))
    #expect(
      try result("Expand", [column, int64s(2, 1, 2)])
        == Tensor(shape: [2, 3, 2], [1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3] as [Float]))
    #expect(try result("Expand", [column, int64s(1)]) == column)
    #expect(try result("Expand", [column, int64s(0)])?.shape == [3, 0])
    expectError("do not broadcast", "Expand", [column, int64s(2, 1)])
    expectError("negative", "Expand", [column, int64s(.min)])
  }

  @Test func tiles() throws {
    let x = Tensor(shape: [2, 2], [0, 1, 2, 3] as [Float])
    let y = Tensor(shape: [4, 4], [0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2, 3] as [Float])
    #expect(try result("Tile", [x, int64s(2, 2)]) == y)
    #expect(try result("Tile", [x, int64s(0, 2)])?.shape == [0, 4])
    #expect(
      try result("Tile", [x, Tensor(2 as Float), Tensor(1 as Float)], opset: 1)
        == Tensor(shape: [2, 4], [0, 1, 0, 1, 2, 3, 2, 3] as [Float]))
    expectError("expected 2 repeats", "Tile", [x, int64s(2)])
    expectError("negative", "Tile", [x, int64s(-1, 2)])
    expectError("overflow when", "Tile", [x, int64s(.max, 2)])
    expectError(
      "whole numbers", "Tile", [x, Tensor(Float.nan), Tensor(1 as Float)], opset: 1)
  }

  // MARK: Pad

  @Test func padsWithAConstant() throws {
    let x = Tensor(shape: [3, 2], [1, 1.2, 2.3, 3.4, 4.5, 5.7] as [Float])
    #expect(
      try result("Pad", [x, int64s(0, 2, 0, 0), Tensor(0 as Float)])
        == Tensor(
          shape: [3, 4], [0, 0, 1, 1.2, 0, 0, 2.3, 3.4, 0, 0, 4.5, 5.7] as [Float]))
    #expect(
      try result("Pad", [x, int64s(-1, 0, 1, -1)])
        == Tensor(shape: [3, 1], [2.3, 4.5, 0] as [Float]))
    #expect(
      try result("Pad", [x, int64s(1, 0), Tensor(9 as Float), int64s(-2)])
        == Tensor(shape: [4, 2], [9, 9, 1, 1.2, 2.3, 3.4, 4.5, 5.7] as [Float]))
    for (name, opset) in [("paddings", 1), ("pads", 2)] {
      #expect(
        try result(
          "Pad", [x], [.ints(name, [0, 0, 0, 1]), .float("value", 7)], opset: opset)
          == Tensor(shape: [3, 3], [1, 1.2, 7, 2.3, 3.4, 7, 4.5, 5.7, 7] as [Float]))
    }
    #expect(
      try result("Pad", [Tensor(shape: [1], ["a"]), int64s(1, 1)])
        == Tensor(shape: [3], ["", "a", ""]))
  }

  @Test(
    arguments: [
      ("reflect", [3, 2, 1, 2, 3, 2, 1, 2]), ("edge", [1, 1, 1, 2, 3, 3, 3, 3]),
      ("wrap", [2, 3, 1, 2, 3, 1, 2, 3]),
    ] as [(String, [Float])])
  func padsWithBorrowedElements(mode: String, expected: [Float]) throws {
    let x = Tensor(shape: [1, 3, 1], [1, 2, 3] as [Float])
    let y = try result("Pad", [x, int64s(0, 2, 0, 0, 3, 0)], [.string("mode", mode)])
    #expect(y == Tensor(shape: [1, 8, 1], expected))
  }

  /// Pads longer than the input repeat the pattern, as in NumPy.
  @Test(
    arguments: [
      ("reflect", [1, 2, 1, 2, 1, 2, 1, 2]), ("edge", [1, 1, 1, 1, 1, 2, 2, 2]),
      ("wrap", [1, 2, 1, 2, 1, 2, 1, 2]),
    ] as [(String, [Float])])
  func padsFurtherThanTheInputReaches(mode: String, expected: [Float]) throws {
    let x = Tensor(shape: [2], [1, 2] as [Float])
    #expect(
      try result("Pad", [x, int64s(4, 2)], [.string("mode", mode)])
        == Tensor(shape: [8], expected))
  }

  @Test func refusesBadPads() {
    expectError("expected 4 pads", "Pad", [x, int64s(1, 1)])
    expectError("do not fit", "Pad", [x, int64s(.max, 0, .max, 0)])
    expectError("do not fit", "Pad", [x, int64s(.min, 0, 0, 0)])
    expectError("do not fit", "Pad", [x, int64s(-3, 0, 3, 0)])
    expectError(
      "mode 'edge' needs elements", "Pad", [counting([0]), int64s(1, 1)], [.string("mode", "edge")])
    expectError(
      "one of constant", "Pad", [x, int64s(0, 0, 0, 0)], [.string("mode", "wrap")], opset: 18)
    expectError("given twice", "Pad", [x, int64s(1, 1, 1, 1), nil, int64s(0, 0)])
  }

  // MARK: space and depth

  @Test func movesBetweenDepthAndSpace() throws {
    // The standard's example: [1, 8, 2, 3] in counting order, with a step of 9 per channel.
    let x = Tensor(
      shape: [1, 8, 2, 3],
      (0..<8).flatMap { c in (0..<6).map { Float(c * 9 + $0) } })
    let dcr = try result("DepthToSpace", [x], [.int("blocksize", 2), .string("mode", "DCR")])
    #expect(dcr?.shape == [1, 2, 4, 6])
    #expect(
      try dcr?.array(as: Float.self).prefix(12)
        == [0, 18, 1, 19, 2, 20, 36, 54, 37, 55, 38, 56])
    let crd = try result("DepthToSpace", [x], [.int("blocksize", 2), .string("mode", "CRD")])
    #expect(
      try crd?.array(as: Float.self).prefix(12) == [0, 9, 1, 10, 2, 11, 18, 27, 19, 28, 20, 29])
    #expect(try result("SpaceToDepth", [dcr], [.int("blocksize", 2)], opset: 13) == x)
    #expect(
      try result(
        "SpaceToDepth", [crd], [.int("blocksize", 2), .string("mode", "CRD")], opset: 28) == x)
    expectError("at least 1", "DepthToSpace", [x], [.int("blocksize", 0)])
    expectError("too large", "DepthToSpace", [x], [.int("blocksize", .max)])
    expectError("not divisible", "DepthToSpace", [x], [.int("blocksize", 3)])
    expectError("not divisible", "SpaceToDepth", [x], [.int("blocksize", 2)])
  }

  @Test func cropsAndPadsAroundTheCentre() throws {
    let x = counting([1, 4])
    #expect(
      try result("CenterCropPad", [x, int64s(2, 3)])
        == Tensor(shape: [2, 3], [0, 1, 2, 0, 0, 0] as [Float]))
    #expect(
      try result("CenterCropPad", [x, int64s(7)], [.ints("axes", [-1])])
        == Tensor(shape: [1, 7], [0, 0, 1, 2, 3, 0, 0] as [Float]))
    expectError("expected 2 sizes", "CenterCropPad", [x, int64s(1)])
    expectError("expected 2 sizes", "CenterCropPad", [x, int64s(1, -1)])
  }
}

private func permutations(_ items: [Int]) -> [[Int]] {
  if items.count <= 1 { return [items] }
  return items.flatMap { first in
    permutations(items.filter { $0 != first }).map { [first] + $0 }
  }
}

/// The source index of each element of the transposed tensor.
private func transposed(_ sizes: [Int], _ order: [Int]) -> [Int] {
  var strides = Array(repeating: 1, count: sizes.count)
  for axis in sizes.indices.dropLast().reversed() {
    strides[axis] = strides[axis + 1] * sizes[axis + 1]
  }
  var places = [0]
  for axis in order {
    places = places.flatMap { base in (0..<sizes[axis]).map { base + $0 * strides[axis] } }
  }
  return places
}
