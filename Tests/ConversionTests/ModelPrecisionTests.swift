import ONNX
import ONNXConversion
import Testing

@Suite struct ModelPrecisionTests {
  /// A convolution, a `MatMul` and a `Gemm`, with the nodes in between.
  private var network: Model {
    model(
      17, [2, 3, 8, 8],
      [
        Node(
          "Conv", name: "conv", inputs: ["x", "k", "kb"], outputs: ["c"],
          attributes: [.ints("pads", [1, 1, 1, 1])]),
        Node("Relu", name: "relu", inputs: ["c"], outputs: ["r"]),
        Node("Flatten", name: "flat", inputs: ["r"], outputs: ["f"]),
        Node("MatMul", name: "product", inputs: ["f", "w"], outputs: ["m"]),
        Node(
          "Gemm", name: "gemm", inputs: ["m", "g", "gb"], outputs: ["y"],
          attributes: [.int("transB", 1), .float("alpha", 0.5)]),
      ],
      constants: [
        NamedTensor("k", noise([4, 3, 3, 3], seed: 1)), NamedTensor("kb", noise([4], seed: 2)),
        NamedTensor("w", noise([256, 40], seed: 3)), NamedTensor("g", noise([6, 40], seed: 4)),
        NamedTensor("gb", noise([6], seed: 5)),
      ])
  }

  /// The largest difference, relative to the largest output.
  private func difference(_ changed: Model) throws -> Float {
    let x = noise([2, 3, 8, 8], seed: 6)
    let (a, b) = (try run(network, x), try run(changed, x))
    #expect(a.count == b.count)
    let largest = a.map(abs).max() ?? 0
    return (zip(a, b).map { abs($0 - $1) }.max() ?? .infinity) / largest
  }

  @Test(arguments: [ElementType.float16, .bfloat16])
  func halfPrecision(type: ElementType) throws {
    let (narrow, left) = try network.narrowed(to: type)
    #expect(narrow.graph.inputs[0].type == network.graph.inputs[0].type)
    #expect(narrow.graph.initializers.contains { $0.tensor.elementType == type })
    let bound: Float = type == .float16 ? 2e-3 : 2e-2
    let difference = try difference(narrow)
    #expect(difference < bound && difference > 0)
    #expect(left.isEmpty)
    let wide = try narrow.widened()
    #expect(!wide.graph.initializers.contains { $0.tensor.elementType == type })
    #expect(try self.difference(wide) < bound)
  }

  @Test func keptNodesStay() throws {
    let (narrow, left) = try network.narrowed(
      to: .float16, keeping: NamePatterns(["*duct", "Gemm"]))
    #expect(left == ["product", "gemm"])
    let product = try #require(narrow.graph.nodes.first { $0.name == "product" })
    #expect(product.inputs[1] == "w")
  }

  @Test func numbersThatFloat16LacksStayFloat32() throws {
    let large = model(
      13, [2], [Node("Mul", name: "large", inputs: ["x", "c"], outputs: ["y"])],
      constants: [NamedTensor("c", Tensor(shape: [2], [1e6, 1] as [Float]))])
    let (narrow, left) = try large.narrowed(to: .float16)
    #expect(left == ["large"])
    #expect(try run(narrow, Tensor(shape: [2], [1, 2] as [Float])) == [1e6, 2])
  }

  @Test func whatGoesBeyondFloat16OnSamplesStaysFloat32() throws {
    let products = model(
      13, [2],
      [
        Node("Mul", name: "first", inputs: ["x", "c"], outputs: ["a"]),
        Node("Mul", name: "second", inputs: ["a", "c"], outputs: ["b"]),
        Node("Div", name: "third", inputs: ["b", "c"], outputs: ["d"]),
        Node("Div", name: "fourth", inputs: ["d", "c"], outputs: ["y"]),
      ], constants: [NamedTensor("c", Tensor(Float(300)))])
    let x = Tensor(shape: [2], [1, 2] as [Float])
    let (narrow, left) = try products.narrowed(to: .float16, samples: [["x": .tensor(x)]])
    #expect(left == ["second", "third"])
    #expect(try run(narrow, x) == [1, 2])
  }

  @Test func dynamicInt8() throws {
    let (quantized, products) = try network.dynamicallyQuantized()
    #expect(products == 3)
    #expect(quantized.operatorNames.contains("ConvInteger"))
    #expect(!quantized.operatorNames.contains("Gemm"))
    #expect(try difference(quantized) < 0.02)
  }

  @Test func staticInt8() throws {
    let samples = (6..<9).map { ["x": Value.tensor(noise([2, 3, 8, 8], seed: $0))] }
    let (quantized, products) = try network.staticallyQuantized(calibratedBy: samples)
    #expect(products == 3)
    #expect(quantized.graph.outputs[0].name == "y")
    #expect(quantized.graph.initializers.contains { $0.tensor.elementType == .int32 })
    #expect(try difference(quantized) < 0.03)
    #expect(throws: ConversionError.self) { try network.staticallyQuantized(calibratedBy: []) }
  }

  @Test func blocksOfInt4() throws {
    let (quantized, products) = try network.blockQuantized()
    #expect(products == 2)
    #expect(quantized.standardVersion == 21)
    let scales = quantized.graph.initializers.filter { $0.name?.hasSuffix("_scale") == true }
    #expect(scales.map(\.tensor.shape) == [[8, 40], [6, 2]])
    #expect(try difference(quantized) < 0.2)
  }

  @Test func modelsWithoutProductsAreRefused() {
    let relu = model(13, [2], [Node("Relu", inputs: ["x"], outputs: ["y"])])
    #expect(throws: ConversionError.self) { try relu.dynamicallyQuantized() }
    #expect(throws: ConversionError.self) { try relu.blockQuantized() }
  }

  @Test func differencesAreMeasured() throws {
    let (quantized, _) = try network.blockQuantized()
    let samples = [["x": Value.tensor(noise([2, 3, 8, 8], seed: 6))]]
    let measured = try ModelDifference(from: network, to: quantized, on: samples)
    #expect(measured.bytesAfter < measured.bytesBefore / 4)
    #expect(measured.largestDifference > 0 && measured.largestOutput > 0)
    let same = try ModelDifference(from: network, to: network, on: samples)
    #expect(same.largestDifference == 0)
  }

  @Test func patterns() {
    let patterns = NamePatterns(["a*c", "?x", "*"])
    #expect(patterns.contains("anything"))
    #expect(NamePatterns(["a*c"]).contains("abbc"))
    #expect(NamePatterns(["a*b*c"]).contains("axbxbxc"))
    #expect(!NamePatterns(["a*c"]).contains("abbcd"))
    #expect(NamePatterns(["?x"]).contains("1x"))
    #expect(!NamePatterns([""]).contains("a"))
  }
}
