import ONNX
import OperatorLaws
import Testing

/// Fourier transforms, windows and losses.
@Suite struct MathSignalTests {
  func node(_ type: String, _ inputs: Int = 1, _ attributes: [Attribute] = []) -> Node {
    Node(
      type, inputs: (0..<inputs).map { "x\($0)" }, outputs: ["y"], attributes: attributes)
  }

  func fails(_ node: Node, _ inputs: [Tensor?], opset: Int = 24, _ text: String) {
    let error = #expect(throws: OperatorError.self) {
      try checkOperator(node, inputs, opset: opset)
    }
    #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
  }

  // Powers of 2, small factors, large primes; forward and inverse.
  @Test(arguments: [1, 2, 3, 4, 6, 15, 16, 60, 64, 77, 127, 250, 331])
  func transformsThereAndBack(_ length: Int) throws {
    let x = float32([2, length, 2], noise(4 * length))
    let axis = Tensor(1 as Int64)
    let forward = Node("DFT", inputs: ["x", "", "a"], outputs: ["y"])
    let back = Node(
      "DFT", inputs: ["x", "", "a"], outputs: ["y"], attributes: [.int("inverse", 1)])
    let y = try #require(try checkOperator(forward, [x, nil, axis])[0])
    let z = try #require(try checkOperator(back, [y, nil, axis])[0])
    #expect(z.isNear(to: x, 1e-5))
    let energy = y.reals.reduce(0) { $0 + $1 * $1 } / Double(length)
    let expected = x.reals.reduce(0) { $0 + $1 * $1 }
    #expect(abs(energy - expected) < 1e-4 * expected)
  }

  @Test(arguments: [1, 2, 5, 8, 9])
  func makesARealSignalOfHalfItsSpectrum(_ length: Int) throws {
    let x = float32([1, length, 1], noise(length))
    let size = Tensor(Int64(length))
    let attributes: [Attribute] = [.int("onesided", 1), .int("axis", 1)]
    let forward = node("DFT", 2, attributes)
    let back = node("DFT", 2, attributes + [.int("inverse", 1)])
    let y = try #require(try checkOperator(forward, [x, size], opset: 17)[0])
    #expect(y.shape == [1, length / 2 + 1, 2])
    let z = try #require(try checkOperator(back, [y, size], opset: 17)[0])
    #expect(z.isNear(to: x, 1e-5))
  }

  @Test func rejectsTransformsOfNoLength() {
    let x = float32([1, 4, 1], ramp(4))
    fails(node("DFT", 2), [x, Tensor(0 as Int64)], "got 0")
    fails(node("DFT", 2), [x, Tensor(Int64.max)], "got 9223372036854775807")
    fails(node("DFT", 3), [x, Tensor(4 as Int64), Tensor(2 as Int64)], "imaginary parts")
    fails(node("DFT", 3), [x, Tensor(4 as Int64), Tensor(Int64.min)], "out of range for rank")
    fails(node("DFT"), [float32([4, 3], ramp(12))], "expected shape")
    fails(node("STFT", 2), [x, Tensor(0 as Int64)], "at least 1, got 0")
    let frames = Node("STFT", inputs: ["x", "s", "", "l"], outputs: ["y"])
    fails(frames, [x, Tensor(1 as Int64), nil, Tensor(5 as Int64)], "at most 4 points")
    fails(frames, [x, Tensor(1 as Int64), nil, Tensor(-1 as Int64)], "at least 1 point, got -1")
    fails(
      node("STFT", 4), [x, Tensor(1 as Int64), float32([3], ramp(3)), Tensor(2 as Int64)],
      "got 3")
  }

  @Test func rejectsWindowsAndBandsOfNoSize() {
    fails(node("HannWindow"), [Tensor(-1 as Int32)], "at least 0 points, got -1")
    fails(node("HannWindow"), [Tensor(shape: [2], [1, 2] as [Int32])], "expected one number")
    fails(
      node("HannWindow", 1, [.int("output_datatype", 8)]), [Tensor(4 as Int32)], "expected one of")
    let bands = [Tensor(3 as Int32), Tensor(8 as Int32), Tensor(8192 as Int32)]
    fails(
      node("MelWeightMatrix", 5), bands + [float32([], [0]), float32([], [9000])],
      "beyond the spectrum")
    fails(
      node("MelWeightMatrix", 5), bands + [float32([], [.nan]), float32([], [9])], "got nan")
    fails(
      node("MelWeightMatrix", 5),
      [
        Tensor(Int64.max), Tensor(8 as Int64), Tensor(8 as Int64), float32([], [0]),
        float32([], [1]),
      ],
      "got 9223372036854775807")
  }

  @Test func rejectsLabelsBeyondTheClasses() {
    let scores = float32([2, 3], ramp(6))
    for type in ["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"] {
      for label in [3, -1, .min] as [Int64] {
        fails(
          node(type, 2), [scores, Tensor(shape: [2], [0, label])], "is out of range for 3 classes")
      }
      fails(
        node(type, 2), [scores, Tensor(shape: [3], [0, 1, 2] as [Int64])], "expected shape [2]")
      fails(
        node(type, 3), [scores, Tensor(shape: [2], [0, 1] as [Int64]), float32([2], ramp(2))],
        "expected shape [3]")
      fails(
        node(type, 2), [float32([2], ramp(2)), Tensor(shape: [2], [0, 1] as [Int64])], "[N, C, …]")
      fails(
        node(type, 2, [.string("reduction", "max")]),
        [scores, Tensor(shape: [2], [0, 1] as [Int64])],
        "expected one of")
    }
  }
}
