import ONNX
import OperatorLaws
import Testing

/// Gradients of pooling.
@Suite struct PoolGradientTests {
  @Test(
    arguments: [
      [.ints("kernel_shape", [2, 2]), .ints("strides", [2, 2])],
      [.ints("kernel_shape", [3, 2]), .ints("pads", [1, 1, 1, 0])],
      [.ints("kernel_shape", [2, 2]), .ints("strides", [2, 3]), .int("ceil_mode", 1)],
      [.ints("kernel_shape", [2, 2]), .ints("dilations", [2, 1])],
      [.ints("kernel_shape", [2, 2]), .int("storage_order", 1)],
      [.ints("kernel_shape", [3, 3]), .string("auto_pad", "SAME_LOWER")],
    ] as [[Attribute]]) func ofMaxPool(attributes: [Attribute]) throws
  {
    let node = Node("MaxPool", inputs: [], outputs: ["y"], attributes: attributes)
    try checkGradient(node, [doubles([2, 2, 5, 6])])
  }

  @Test func ofMaxPoolOfOtherRanksAndVersions() throws {
    let line = Node(
      "MaxPool", inputs: [], outputs: ["y"], attributes: [.ints("kernel_shape", [2])])
    try checkGradient(line, [doubles([2, 2, 6])])
    try checkGradient(line, [doubles([2, 2, 6])], opset: 1)
    try checkGradient(line, [doubles([2, 2, 6])], opset: 8)
    let solid = Node(
      "MaxPool", inputs: [], outputs: ["y"],
      attributes: [.ints("kernel_shape", [2, 2, 2]), .int("storage_order", 1)])
    try checkGradient(solid, [doubles([1, 2, 3, 3, 4])])
  }

  /// Float32 has separate code for values and positions.
  @Test(
    arguments: [
      [.ints("kernel_shape", [2, 2]), .ints("strides", [2, 2])],
      [.ints("kernel_shape", [3, 2]), .ints("pads", [2, 1, 1, 1]), .ints("dilations", [1, 2])],
      [.ints("kernel_shape", [3, 3]), .ints("strides", [3, 3]), .int("ceil_mode", 1)],
      [.ints("kernel_shape", [2, 2]), .int("storage_order", 1)],
    ] as [[Attribute]]) func placesOfMaximaAreTheSameInFloat32(attributes: [Attribute]) throws
  {
    let node = Node("MaxPool", inputs: ["x"], outputs: ["y", "places"], attributes: attributes)
    let x = doubles([2, 3, 7, 21])
    var singles = x.elements(as: Double.self).map(Float.init)
    singles[5] = .nan
    singles[40] = -.infinity
    let wide = Tensor(shape: x.shape, singles.map(Double.init))
    let found = try checkOperator(node, [Tensor(shape: x.shape, singles)], opset: 20)
    let wanted = try checkOperator(node, [wide], opset: 20)
    #expect(found[1] == wanted[1])
    #expect(try #require(found[0]).isNear(to: wanted[0]))
  }

  @Test(
    arguments: [
      [.ints("kernel_shape", [2, 2]), .ints("strides", [2, 2])],
      [.ints("kernel_shape", [3, 2]), .ints("pads", [1, 1, 1, 0])],
      [.ints("kernel_shape", [3, 2]), .ints("pads", [1, 1, 1, 0]), .int("count_include_pad", 1)],
      [
        .ints("kernel_shape", [2, 2]), .ints("strides", [2, 3]), .int("ceil_mode", 1),
        .int("count_include_pad", 1),
      ],
      [.ints("kernel_shape", [2, 2]), .ints("dilations", [2, 1])],
      [.ints("kernel_shape", [3, 3]), .string("auto_pad", "SAME_UPPER")],
    ] as [[Attribute]]) func ofAveragePool(attributes: [Attribute]) throws
  {
    let node = Node("AveragePool", inputs: [], outputs: ["y"], attributes: attributes)
    let x = doubles([2, 2, 5, 6])
    try checkGradient(node, [x])
    try checkSingle("AveragePoolGrad", node, x)
  }

  @Test(arguments: ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"])
  func ofGlobalPools(name: String) throws {
    let node = Node(name, inputs: [], outputs: ["y"])
    try checkGradient(node, [doubles([2, 2, 3, 4])])
    try checkGradient(node, [doubles([2, 2, 3])], opset: 2)
    if name == "GlobalAveragePool" {
      try checkSingle("GlobalAveragePoolGrad", node, doubles([2, 2, 3, 4]))
    }
  }

  @Test(arguments: [1, 2, 3]) func ofNorms(p: Int) throws {
    let attributes: [Attribute] = [
      .int("p", p), .ints("kernel_shape", [2, 3]), .ints("pads", [0, 1, 1, 1]),
      .ints("strides", [2, 1]),
    ]
    try checkGradient(
      Node("LpPool", inputs: [], outputs: ["y"], attributes: attributes), [doubles([1, 2, 4, 5])])
    try checkGradient(
      Node("GlobalLpPool", inputs: [], outputs: ["y"], attributes: [.int("p", p)]),
      [doubles([1, 2, 4, 5])])
  }

  /// Compares the gradient in float32 with that in float64.
  private func checkSingle(_ name: String, _ node: Node, _ x: Tensor) throws {
    var forward = node
    forward.inputs = ["x"]
    let y = try #require(try checkOperator(forward, [x], opset: 20)[0])
    let g = doubles(y.shape, seed: 4)
    let gradient = Node(
      name, domain: "swift.onnx", inputs: ["g", "x"], outputs: ["y"], attributes: node.attributes)
    let wanted = try checkOperator(gradient, [g, x], opset: 20)
    let singles = [g, x].map { tensor in
      Tensor(shape: tensor.shape, tensor.elements(as: Double.self).map(Float.init))
    }
    let found = try checkOperator(gradient, singles, opset: 20)
    #expect(try #require(found[0]).isNear(to: wanted[0]))
  }

  @Test func placesOutsideAnImageAreIgnored() throws {
    let node = Node("MaxPoolGrad", domain: "swift.onnx", inputs: ["g", "i", "x"], outputs: ["y"])
    let places: [Int64] = [1, 99, -1, .min, 7, .max]
    let result = try checkOperator(
      node,
      [
        float32([2, 1, 3], [1, 2, 3, 4, 5, 6]), Tensor(shape: [2, 1, 3], places),
        float32([2, 1, 4], ramp(8)),
      ], opset: 1)
    #expect(result[0] == float32([2, 1, 4], [0, 1, 0, 0, 0, 0, 0, 5]))
  }
}
