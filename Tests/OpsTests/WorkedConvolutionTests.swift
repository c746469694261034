import ONNX
import ONNXOperators
import OperatorLaws
import Testing

/// Convolutions and poolings from a lecture, with its values.
@Suite struct WorkedConvolutionTests {
  func convolve(
    _ x: Tensor, _ w: Tensor, bias: [Float]? = nil, pads: Int = 0
  ) throws -> Tensor {
    let spatial = x.shape.count - 2
    let node = Node(
      "Conv", inputs: bias == nil ? ["x", "w"] : ["x", "w", "b"], outputs: ["y"],
      attributes: [.ints("pads", Array(repeating: pads, count: 2 * spatial))])
    let inputs = [x, w] + (bias.map { [Tensor(shape: [$0.count], $0)] } ?? [])
    return try #require(try checkOperator(node, inputs)[0])
  }

  func pool(_ type: String, _ x: Tensor, size: Int, stride: Int) throws -> Tensor {
    let spatial = x.shape.count - 2
    let node = Node(
      type, inputs: ["x"], outputs: ["y"],
      attributes: [
        .ints("kernel_shape", Array(repeating: size, count: spatial)),
        .ints("strides", Array(repeating: stride, count: spatial)),
      ])
    return try #require(try checkOperator(node, [x])[0])
  }

  @Test func validConvolution() throws {
    let image: [Float] = [
      1, 1, 1, 0, 0,
      0, 1, 1, 1, 0,
      0, 0, 1, 1, 1,
      0, 0, 1, 1, 0,
      0, 1, 1, 0, 0,
    ]
    let y = try convolve(
      float32([1, 1, 5, 5], image), float32([1, 1, 3, 3], [1, 0, 1, 0, 1, 0, 1, 0, 1]))
    #expect(y == float32([1, 1, 3, 3], [4, 3, 4, 2, 4, 3, 2, 3, 4]))
  }

  let red: [Float] = [
    156, 155, 156, 158, 158, 158,
    153, 154, 157, 159, 159, 159,
    149, 151, 155, 158, 159, 159,
    146, 146, 149, 153, 158, 158,
    145, 143, 143, 148, 158, 158,
  ]
  let green: [Float] = [
    167, 166, 167, 169, 169, 169,
    164, 165, 168, 170, 170, 170,
    160, 162, 166, 169, 170, 170,
    156, 156, 159, 163, 168, 168,
    155, 153, 153, 158, 168, 168,
  ]
  let blue: [Float] = [
    163, 162, 163, 165, 165, 165,
    160, 161, 164, 166, 166, 166,
    156, 158, 162, 165, 166, 166,
    155, 155, 158, 162, 167, 167,
    154, 152, 152, 157, 167, 167,
  ]
  let redKernel: [Float] = [-1, -1, 1, 0, 1, -1, 0, 1, 1]
  let greenKernel: [Float] = [1, 0, 0, 1, -1, -1, 1, 0, -1]
  let blueKernel: [Float] = [0, 1, 1, 0, 1, 0, 1, -1, 1]

  @Test func threeChannelConvolution() throws {
    let parts = try [(red, redKernel), (green, greenKernel), (blue, blueKernel)].map { x, w in
      try convolve(float32([1, 1, 5, 6], x), float32([1, 1, 3, 3], w), pads: 1).reals
    }
    // Row 2, column 1: the second window of the first column.
    #expect(parts.map { $0[6] } == [298, -491, 487])
    let y = try convolve(
      float32([1, 3, 5, 6], red + green + blue),
      float32([1, 3, 3, 3], redKernel + greenKernel + blueKernel), bias: [1], pads: 1)
    #expect(y.shape == [1, 1, 5, 6])
    #expect(Array(y.reals[..<4]) == [-25, 466, 466, 475])
    #expect(y.reals[6] == 295)
  }

  @Test func maxPooling() throws {
    let x: [Float] = [
      3, 3, 2, 1, 0,
      0, 0, 1, 3, 1,
      3, 1, 2, 2, 3,
      2, 0, 0, 2, 2,
      2, 0, 0, 0, 1,
    ]
    let y = try pool("MaxPool", float32([1, 1, 5, 5], x), size: 3, stride: 1)
    #expect(y == float32([1, 1, 3, 3], [3, 3, 3, 3, 3, 3, 3, 2, 3]))
  }

  @Test func poolingSizesInOneDimension() throws {
    let x = float32([1, 1, 5], ramp(5))
    #expect(try pool("MaxPool", x, size: 3, stride: 1).shape == [1, 1, 3])
    #expect(try pool("MaxPool", x, size: 3, stride: 2).shape == [1, 1, 2])
  }

  @Test func twoKernelsMakeTwoMaps() throws {
    let y = try convolve(float32([1, 3, 6, 6], noise(108)), float32([2, 3, 3, 3], noise(54)))
    #expect(y.shape == [1, 2, 4, 4])
  }

  @Test func convolutionIsLinear() throws {
    let w = float32([1, 1, 3, 3], noise(9, seed: 3))
    let a = noise(49)
    let b = noise(49, seed: 2)
    let both = try convolve(float32([1, 1, 7, 7], zip(a, b).map { 2 * $0 - 3 * $1 }), w)
    let (x, y) = (
      try convolve(float32([1, 1, 7, 7], a), w).reals,
      try convolve(float32([1, 1, 7, 7], b), w).reals
    )
    let sum = Tensor(shape: [1, 1, 5, 5], zip(x, y).map { 2 * $0 - 3 * $1 })
    #expect(both.isNear(to: sum))
  }

  @Test func shiftingTheInputShiftsTheOutput() throws {
    let w = float32([1, 1, 3], noise(3, seed: 2))
    let x = noise(12)
    let y = try convolve(float32([1, 1, 12], x), w).reals
    let shifted = try convolve(float32([1, 1, 12], [0] + x.dropLast()), w).reals
    #expect(Array(shifted[1...]) == Array(y.dropLast()))
  }

  @Test func equalsMultiplicationWithAToeplitzMatrix() throws {
    let x = noise(8)
    let w = noise(3, seed: 2)
    let y = try convolve(float32([1, 1, 8], x), float32([1, 1, 3], w))
    let matrix: [Float] = (0..<6).flatMap { row in
      (0..<8).map { (0..<3).contains($0 - row) ? w[$0 - row] : 0 }
    }
    let product = try #require(
      try checkOperator(
        Node("MatMul", inputs: ["t", "x"], outputs: ["y"]),
        [float32([6, 8], matrix), float32([8], x)])[0])
    #expect(y.isNear(to: try product.reshaped(to: [1, 1, 6])))
  }

  @Test func sizesOfLeNet5() throws {
    var x = float32([1, 1, 32, 32], noise(1024))
    var shapes: [[Int]] = []
    for (maps, channels) in [(6, 1), (16, 6)] {
      x = try convolve(x, float32([maps, channels, 5, 5], noise(maps * channels * 25)))
      shapes.append(x.shape)
      x = try pool("AveragePool", x, size: 2, stride: 2)
      shapes.append(x.shape)
    }
    #expect(shapes == [[1, 6, 28, 28], [1, 6, 14, 14], [1, 16, 10, 10], [1, 16, 5, 5]])
    x = try x.reshaped(to: [1, 400])
    for (inputs, outputs) in [(400, 120), (120, 84), (84, 10)] {
      let node = Node("Gemm", inputs: ["x", "w"], outputs: ["y"])
      x = try #require(
        try checkOperator(node, [x, float32([inputs, outputs], noise(inputs * outputs))])[0])
      #expect(x.shape == [1, outputs])
    }
  }

  /// 20 filters of 5×5×3 over 200×200×3. The lecture counts 204² outputs per map, which needs
  /// a padding of four on each side; two give 200².
  @Test func weightsAreShared() throws {
    let w = float32([20, 3, 5, 5], noise(1500))
    #expect(w.count == 1_500)
    let node = Node(
      "Conv", inputs: ["x", "w"], outputs: ["y"],
      attributes: [.ints("pads", [4, 4, 4, 4])])
    let types = try Registry.standard.make(node, operatorSet: 22).operator.infer(
      Inputs(types: [.tensor(.float32, [1, 3, 200, 200]), .tensor(w.type)]))
    let sizes = try #require(types[0].tensorType?.shape?.sizes)
    #expect(sizes == [1, 20, 204, 204])
    #expect(sizes.elementCount == 832_320)
    // With full connections, each of 40 thousand hidden units has a weight for every input value.
    #expect(40_000 * 200 * 200 * 3 == 4_800_000_000)
  }
}
