import ONNX
import OperatorLaws
import Testing

/// Earlier meanings of operators that no other test covers.
@Suite struct OldMeaningTests {
  private func run(
    _ type: String, _ inputs: [Tensor], _ attributes: [Attribute] = [], opset: Int, outputs: Int = 1
  ) throws -> [Tensor?] {
    try checkOperator(
      Node(
        type, inputs: inputs.indices.map { "x\($0)" }, outputs: (0..<outputs).map { "y\($0)" },
        attributes: attributes), inputs, opset: opset)
  }

  /// Before version 7, the attribute `is_test` selects the given mean and variance.
  @Test(arguments: [1, 6]) func batchNormalizationAsksIsTest(opset: Int) throws {
    let x = float32([2, 1, 1], [1, 3])
    let inputs = [x, float32([1], [2]), float32([1], [1]), float32([1], [1]), float32([1], [4])]
    let base: [Attribute] =
      [.float("epsilon", 0)] + (opset == 1 ? [.ints("consumed_inputs", [0, 0, 0, 1, 1])] : [])
    #expect(
      try run("BatchNormalization", inputs, base + [.int("is_test", 1)], opset: opset)
        == [float32([2, 1, 1], [1, 3])])
    // Mean 2 and variance 1 of the batch have a weight of 1/10 in the running statistics.
    let y = try run(
      "BatchNormalization", inputs, base + [.float("momentum", 0.9)], opset: opset, outputs: 3)
    #expect(y[0] == float32([2, 1, 1], [-1, 3]))
    #expect(y[1]?.isNear(to: float32([1], [1.1]), 1e-6) == true)
    #expect(y[2]?.isNear(to: float32([1], [3.7]), 1e-6) == true)
  }

  /// Averages exclude the padding unless `count_include_pad` is set.
  @Test func averagesLeavePaddingOut() throws {
    let x = float32([1, 1, 2], [4, 8])
    let window: [Attribute] = [.ints("kernel_shape", [3]), .ints("pads", [1, 1])]
    for opset in [1, 7, 24] {
      #expect(
        try run("AveragePool", [x], window, opset: opset) == [float32([1, 1, 2], [6, 6])])
    }
    #expect(
      try run("AveragePool", [x], window + [.int("count_include_pad", 1)], opset: 7)
        == [float32([1, 1, 2], [4, 4])])
  }

  /// Before version 13, Softmax and related operators flatten the input to a matrix, by default at
  /// axis 1.
  @Test func softmaxTakesAllAxesFromItsOwnOn() throws {
    let x = float32([1, 2, 2], [0, 0, 0, 0])
    #expect(try run("Softmax", [x], opset: 12) == [float32([1, 2, 2], [0.25, 0.25, 0.25, 0.25])])
    #expect(try run("Softmax", [x], opset: 13) == [float32([1, 2, 2], [0.5, 0.5, 0.5, 0.5])])
    let ordered = float32([1, 2, 2], [1, 2, 3, 0])
    #expect(try run("Hardmax", [ordered], opset: 12) == [float32([1, 2, 2], [0, 0, 1, 0])])
    #expect(try run("Hardmax", [ordered], opset: 13) == [float32([1, 2, 2], [0, 1, 1, 0])])
  }

  /// `k` was an attribute, and the result is sorted in descending order.
  @Test func topKHasItsCountAsAnAttribute() throws {
    let x = float32([4], [3, 1, 4, 2])
    let old = try run("TopK", [x], [.int("k", 2), .int("axis", 0)], opset: 9, outputs: 2)
    #expect(old == [float32([2], [4, 3]), int64s(2, 0)])
    #expect(try run("TopK", [x, int64s(2)], [.int("axis", 0)], opset: 10, outputs: 2) == old)
    #expect(throws: OperatorError.self) {
      try run("TopK", [x, int64s(2)], [.int("largest", 0)], opset: 10, outputs: 2)
    }
  }

  /// The sizes of Split were first input 1, then an attribute, then input 1 again.
  @Test func splitHasItsSizesInThreePlaces() throws {
    let x = float32([3], [1, 2, 3])
    let parts = [float32([1], [1]), float32([2], [2, 3])]
    let sizes = [Attribute.ints("split", [1, 2])]
    #expect(try run("Split", [x], sizes, opset: 2, outputs: 2) == parts)
    #expect(try run("Split", [x], sizes, opset: 11, outputs: 2) == parts)
    #expect(try run("Split", [x, int64s(1, 2)], opset: 13, outputs: 2) == parts)
    #expect(throws: OperatorError.self) { try run("Split", [x], sizes, opset: 13, outputs: 2) }
    #expect(
      try run("Split", [x, float32([2], [1, 2])], [.int("axis", 0)], opset: 1, outputs: 2) == parts)
  }

  /// Limits, pads, axes and positions that became inputs.
  @Test func attributesBecameInputs() throws {
    let x = float32([1, 3], [-2, 0, 5])
    let clipped = [float32([1, 3], [-1, 0, 3])]
    #expect(
      try run("Clip", [x], [.float("min", -1), .float("max", 3)], opset: 6) == clipped)
    #expect(try run("Clip", [x, float32([], [-1]), float32([], [3])], opset: 11) == clipped)
    #expect(throws: OperatorError.self) { try run("Clip", [x], [.float("min", -1)], opset: 11) }

    let padded = [float32([1, 4], [9, -2, 0, 5])]
    let value = Attribute.float("value", 9)
    #expect(
      try run("Pad", [x], [.ints("paddings", [0, 1, 0, 0]), value], opset: 1) == padded)
    #expect(try run("Pad", [x], [.ints("pads", [0, 1, 0, 0]), value], opset: 10) == padded)
    #expect(try run("Pad", [x, int64s(0, 1, 0, 0), float32([], [9])], opset: 11) == padded)

    let flat = [float32([3], [-2, 0, 5])]
    #expect(try run("Squeeze", [x], [.ints("axes", [0])], opset: 12) == flat)
    #expect(try run("Squeeze", [x, int64s(0)], opset: 13) == flat)
    #expect(
      try run("ReduceSum", [x], [.ints("axes", [0]), .int("keepdims", 0)], opset: 12) == flat)
    #expect(try run("ReduceSum", [x, int64s(0)], [.int("keepdims", 0)], opset: 13) == flat)
    #expect(
      try run("ReduceMax", [x], [.ints("axes", [0]), .int("keepdims", 0)], opset: 17) == flat)
    #expect(try run("ReduceMax", [x, int64s(0)], [.int("keepdims", 0)], opset: 18) == flat)

    let cut = [float32([1, 2], [0, 5])]
    let places: [Attribute] = [.ints("starts", [1]), .ints("ends", [9]), .ints("axes", [1])]
    #expect(try run("Slice", [x], places, opset: 9) == cut)
    #expect(try run("Slice", [x, int64s(1), int64s(9), int64s(1)], opset: 10) == cut)

    #expect(
      try run("Reshape", [x], [.ints("shape", [3, 1])], opset: 4) == [float32([3, 1], [-2, 0, 5])])
    #expect(try run("Reshape", [x, int64s(3, 1)], opset: 5) == [float32([3, 1], [-2, 0, 5])])
  }

  /// Scale and bias had one value per group before version 21, and have one per channel since.
  @Test func groupNormalizationScalesGroupsFirst() throws {
    let x = float32([1, 4, 1], [0, 2, 0, 2])
    let attributes: [Attribute] = [.int("num_groups", 2), .float("epsilon", 0)]
    #expect(
      try run(
        "GroupNormalization", [x, float32([2], [1, 2]), float32([2], [0, 5])], attributes, opset: 18
      )
        == [float32([1, 4, 1], [-1, 1, 3, 7])])
    #expect(
      try run(
        "GroupNormalization", [x, float32([4], [1, 2, 3, 4]), float32([4], [0, 0, 5, 5])],
        attributes,
        opset: 21) == [float32([1, 4, 1], [-1, 2, 2, 9])])
  }

  /// Sizes followed from the scales, and positions were the output index divided by the scale.
  @Test func upsampleAndTheFirstResizeScaleFromTheCorner() throws {
    let x = float32([1, 1, 1, 4], [1, 2, 3, 4])
    let scales = float32([4], [1, 1, 1, 2])
    let doubled = [float32([1, 1, 1, 8], [1, 1, 2, 2, 3, 3, 4, 4])]
    #expect(try run("Upsample", [x], [.floats("scales", [1, 1, 1, 2])], opset: 8) == doubled)
    #expect(try run("Upsample", [x, scales], opset: 9) == doubled)
    #expect(try run("Resize", [x, scales], opset: 10) == doubled)
    let linear = [Attribute.string("mode", "linear")]
    let between = [float32([1, 1, 1, 8], [1, 1.5, 2, 2.5, 3, 3.5, 4, 4])]
    #expect(try run("Upsample", [x, scales], linear, opset: 9) == between)
    #expect(try run("Resize", [x, scales], linear, opset: 10) == between)
    #expect(throws: OperatorError.self) { try run("Upsample", [x, scales], opset: 10) }
  }

  /// A coordinate mode of Resize 11, and one that version 19 added.
  @Test func resizeKnowsTheWaysOfItsVersion() throws {
    let x = float32([4], [1, 2, 3, 4])
    let inputs = [x, float32([0], []), float32([1], [0.5])]
    func mode(_ name: String) -> [Attribute] {
      [.string("coordinate_transformation_mode", name), .string("nearest_mode", "floor")]
    }
    // (x + ½) / ½ is 1 and 3.
    #expect(
      try run("Resize", inputs, mode("tf_half_pixel_for_nn"), opset: 11) == [float32([2], [2, 4])])
    // Positions ½ and 2½.
    #expect(
      try run("Resize", inputs, mode("half_pixel_symmetric"), opset: 19) == [float32([2], [1, 3])])
    for (name, opset) in [("tf_half_pixel_for_nn", 13), ("half_pixel_symmetric", 18)] {
      #expect(throws: OperatorError.self) { try run("Resize", inputs, mode(name), opset: opset) }
    }
  }

  /// Two tensors were aligned at an axis before they broadcast as in NumPy.
  @Test func sumsBroadcastByAnAxis() throws {
    let (x, y) = (float32([2, 3], ramp(6)), float32([2], [10, 20]))
    let attributes: [Attribute] = [.int("broadcast", 1), .int("axis", 0)]
    #expect(
      try run("Add", [x, y], attributes, opset: 6)
        == [float32([2, 3], [10, 11, 12, 23, 24, 25])])
    #expect(throws: OperatorError.self) { try run("Add", [x, y], opset: 6) }
    #expect(throws: OperatorError.self) { try run("Add", [x, y], opset: 7) }
  }

  /// `to` was the name of a type before it was a number.
  @Test func castNamedItsTypeInWords() throws {
    let x = float32([2], [1.5, -2])
    let y = [Tensor(shape: [2], [1, -2] as [Int32])]
    #expect(try run("Cast", [x], [.string("to", "INT32")], opset: 5) == y)
    #expect(try run("Cast", [x], [.int("to", 6)], opset: 6) == y)
    #expect(throws: OperatorError.self) { try run("Cast", [x], [.int("to", 6)], opset: 5) }
  }
}
