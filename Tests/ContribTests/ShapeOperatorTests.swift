import ONNX
import OperatorLaws
import Testing

/// Expected numbers are those of onnxruntime.
@Suite struct ShapeOperatorTests {
  private let square = floats([2, 2], [0, 1, 2, 3])

  @Test func unique() throws {
    let results = try checkOperator(
      contribNode("Unique", inputs: 1, outputs: 3), [floats([6], [2, 1, 1, 3, 4, 3])], opset: 1)
    #expect(results[0] == floats([4], [2, 1, 3, 4]))
    #expect(results[1] == Tensor(shape: [6], [0, 1, 1, 2, 3, 2] as [Int64]))
    #expect(results[2] == Tensor(shape: [4], [1, 2, 2, 1] as [Int64]))
  }

  @Test func gatherNDTakesIntegersOf32Bits() throws {
    let indices = Tensor(shape: [2, 2], [1, 0, 0, 1] as [Int32])
    let y = try checkOperator(contribNode("GatherND", inputs: 2), [square, indices], opset: 1)
    #expect(y[0] == floats([2], [2, 1]))
  }

  @Test func expandDims() throws {
    let axis = Tensor(shape: [1], [1] as [Int32])
    let y = try checkOperator(contribNode("ExpandDims", inputs: 2), [square, axis], opset: 1)
    #expect(y[0] == floats([2, 1, 2], [0, 1, 2, 3]))
  }

  @Test func pad() throws {
    let pads = Tensor(shape: [1, 4], [0, 1, 1, 0] as [Int64])
    let y = try checkOperator(
      contribNode("Pad", inputs: 3), [square, pads, floats([1], [9])], opset: 1)
    #expect(y[0] == floats([3, 3], [9, 0, 1, 9, 2, 3, 9, 9, 9]))
  }

  @Test func rangeTakesOneElement() throws {
    let y = try checkOperator(
      contribNode("Range", inputs: 2), [floats([1], [1]), floats([], [3])], opset: 1)
    #expect(y[0] == floats([2], [1, 2]))
  }

  @Test func trilu() throws {
    let k = Tensor(shape: [], [0] as [Int64])
    let y = try checkOperator(
      contribNode("Trilu", inputs: 2, [.int("upper", 0)]), [square, k], opset: 1)
    #expect(y[0] == floats([2, 2], [0, 0, 2, 3]))
  }

  @Test func unfoldTensor() throws {
    let node = contribNode("UnfoldTensor", inputs: 1, [.int("size", 2), .int("step", 2)])
    let y = try checkOperator(node, [floats([5], [1, 2, 3, 4, 5])], opset: 1)
    #expect(y[0] == floats([2, 2], [1, 2, 3, 4]))
    let columns = contribNode(
      "UnfoldTensor", inputs: 1, [.int("dim", 0), .int("size", 2)])
    let windows = try checkOperator(columns, [floats([3, 2], [1, 2, 3, 4, 5, 6])], opset: 1)
    #expect(windows[0] == floats([2, 2, 2], [1, 3, 2, 4, 3, 5, 4, 6]))
  }

  @Test func inverse() throws {
    try expectContrib(
      contribNode("Inverse", inputs: 1), [floats([2, 2], [2, 1, 1, 1])], [[1, -1, -1, 2]])
    #expect(throws: OperatorError.self) {
      try checkOperator(contribNode("Inverse", inputs: 1), [floats([1, 2], [2, 1])], opset: 1)
    }
  }

  @Test func cDist() throws {
    let b = floats([3, 2], [0, 0, 0, 1, 1, 1])
    try expectContrib(
      contribNode("CDist", inputs: 2, [.string("metric", "sqeuclidean")]),
      [floats([2, 2], [0, 0, 3, 4]), b], [[0, 1, 2, 25, 18, 13]])
    let wide = floats([1, 11], (0..<11).map(Float.init))
    try expectContrib(
      contribNode("CDist", inputs: 2, [.string("metric", "euclidean")]),
      [wide, floats([1, 11], Array(repeating: 0, count: 11))],
      [[19.621417]])
    #expect(throws: OperatorError.self) {
      try checkOperator(
        contribNode("CDist", inputs: 2, [.string("metric", "euclidean")]), [wide, b], opset: 1)
    }
  }

  @Test func cropAndResize() throws {
    let inputs = [
      floats([1, 1, 3, 3], (0..<9).map(Float.init)),
      floats([2, 4], [0, 0, 1, 1, 0.5, 0, 1.5, 0.5]), Tensor(shape: [2], [0, 0] as [Int32]),
      Tensor(shape: [2], [2, 2] as [Int32]),
    ]
    let node = contribNode("CropAndResize", inputs: 4, [.float("extrapolation_value", -1)])
    try expectContrib(node, inputs, [[0, 2, 6, 8, 3, 4, -1, -1]])
    var wrong = inputs
    wrong[2] = Tensor(shape: [2], [0, 1] as [Int32])
    #expect(throws: OperatorError.self) { try checkOperator(node, wrong, opset: 1) }
  }

  @Test func dynamicTimeWarping() throws {
    let y = try checkOperator(
      contribNode("DynamicTimeWarping", inputs: 1),
      [floats([3, 3], [1, 2, 9, 9, 1, 1, 9, 9, 1])], opset: 1)
    #expect(y[0] == Tensor(shape: [2, 3], [0, 1, 2, 0, 1, 2] as [Int32]))
  }
}

/// Operators that keep a state between calls, in their older domain.
@Suite struct StateOperatorTests {
  @Test func aDilatedConvolutionKeepsALongerState() throws {
    let node = contribNode(
      "CausalConvWithState", inputs: 2, outputs: 2, [.int("dilation", 2)])
    // y[t] = 10 · x[t − 2] + x[t]
    try expectContrib(
      node, [floats([1, 1, 4], [1, 2, 3, 4]), floats([1, 1, 2], [10, 1])],
      [[1, 2, 13, 24], [3, 4]])
  }

  @Test func channelsMayBeLast() throws {
    let node = contribNode(
      "CausalConvWithState", inputs: 2, outputs: 2, [.int("channels_last", 1)])
    try expectContrib(
      node, [floats([1, 2, 2], [1, 2, 3, 4]), floats([2, 1, 2], [0, 1, 1, 0])],
      [[1, 0, 3, 2], [3, 4]])
  }

  @Test func windowsOfStatesAreNotSupported() throws {
    let node = contribNode(
      "LinearAttention", inputs: 3, outputs: 2,
      [.int("state_window", 2), .int("q_num_heads", 1), .int("kv_num_heads", 1)])
    #expect(throws: OperatorError.self) {
      try checkOperator(node, Array(repeating: floats([1, 1, 1], [1]), count: 3), opset: 1)
    }
  }
}

/// Expected numbers are those of onnxruntime.
@Suite struct TokenOperatorTests {
  @Test func murmurHash3() throws {
    let node = contribNode("MurmurHash3", inputs: 1)
    let numbers = try checkOperator(node, [Tensor(shape: [2], [3, 4] as [Int32])], opset: 1)
    #expect(numbers[0] == Tensor(shape: [2], [847579505, 1889779975] as [UInt32]))
    let signed = contribNode("MurmurHash3", inputs: 1, [.int("positive", 0), .int("seed", 7)])
    let words = try checkOperator(signed, [Tensor(shape: [2], ["", "hello"])], opset: 1)
    #expect(words[0] == Tensor(shape: [2], [415870660, -702530709] as [Int32]))
  }

  @Test func nGramRepeatBlock() throws {
    let tokens = Tensor(shape: [1, 5], [1, 2, 3, 1, 2] as [Int64])
    let node = contribNode("NGramRepeatBlock", inputs: 2, [.int("ngram_size", 3)])
    let y = try checkOperator(node, [tokens, floats([1, 4], [0, 1, 2, 3])], opset: 1)
    #expect(y[0] == floats([1, 4], [0, 1, 2, -.infinity]))
    #expect(throws: OperatorError.self) {
      try checkOperator(node, [tokens, floats([1, 3], [0, 1, 2])], opset: 1)
    }
  }
}
