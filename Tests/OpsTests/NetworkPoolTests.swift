import ONNX
import OperatorLaws
import Testing

/// Values from the standard's node cases, the agreement of fast and plain loops, and invalid
/// inputs.
@Suite struct NetworkPoolTests {
  func node(_ type: String, outputs: Int = 1, _ attributes: Attribute...) -> Node {
    Node(
      type, inputs: ["x"], outputs: Array(["y", "i"].prefix(outputs)), attributes: attributes)
  }
  let five = float32([1, 1, 5, 5], ramp(25, from: 1))
  let four = float32([1, 1, 4, 4], ramp(16, from: 1))

  @Test func takesTheLargestOfPaddedWindows() throws {
    let expected: [Float] = [
      13, 14, 15, 15, 15, 18, 19, 20, 20, 20, 23, 24, 25, 25, 25, 23, 24, 25, 25, 25, 23, 24, 25,
      25, 25,
    ]
    let node = node("MaxPool", .ints("kernel_shape", [5, 5]), .ints("pads", [2, 2, 2, 2]))
    #expect(try checkOperator(node, [five]) == [float32([1, 1, 5, 5], expected)])
    let bytes = Tensor(shape: [1, 1, 5, 5], (1...25).map { UInt8($0) })
    #expect(
      try checkOperator(node, [bytes]) == [
        Tensor(shape: [1, 1, 5, 5], expected.map { UInt8($0) })
      ])
  }

  @Test func namesThePlaceOfTheLargest() throws {
    let y = try checkOperator(
      node(
        "MaxPool", outputs: 2, .ints("kernel_shape", [2, 2]), .ints("strides", [2, 2]),
        .int("storage_order", 1)), [five])
    #expect(
      y == [
        float32([1, 1, 2, 2], [7, 9, 17, 19]),
        Tensor(shape: [1, 1, 2, 2], [6, 16, 8, 18] as [Int64]),
      ])
  }

  @Test func roundsSizesUp() throws {
    let y = try checkOperator(
      node(
        "MaxPool", .ints("kernel_shape", [3, 3]), .ints("strides", [2, 2]), .int("ceil_mode", 1)),
      [four])
    #expect(y == [float32([1, 1, 2, 2], [11, 12, 15, 16])])
  }

  @Test func lastWindowMustNotStartInThePaddingAfter() throws {
    let x: [Float] = [
      0.858, 0.0786, 0.2692, 0.1537, 0.8816, 0.4353, 0.5772, 0.6623, 0.9067, 0.9483, 0.597, 0.763,
    ]
    let y = try checkOperator(
      node(
        "AveragePool", .ints("kernel_shape", [3, 3]), .ints("strides", [3, 3]),
        .ints("pads", [1, 1, 1, 1]), .int("ceil_mode", 1), .int("count_include_pad", 1)),
      [float32([1, 3, 2, 2], x)])
    #expect(try #require(y[0]).isNear(to: float32([1, 3, 1, 1], [0.1511, 0.2841, 0.3572]), 1e-4))
  }

  @Test func averagesWithAndWithoutPadding() throws {
    let attributes: [Attribute] = [.ints("kernel_shape", [5, 5]), .ints("pads", [2, 2, 2, 2])]
    var node = Node("AveragePool", inputs: ["x"], outputs: ["y"], attributes: attributes)
    #expect(
      try checkOperator(node, [five]) == [
        float32([1, 1, 5, 5], (0..<25).map { 7 + 0.5 * Float($0) })
      ])
    node.attributes.append(.int("count_include_pad", 1))
    let expected: [Float] = [
      2.52, 3.6, 4.8, 4.08, 3.24, 4.56, 6.4, 8.4, 7.04, 5.52, 7.2, 10, 13, 10.8, 8.4, 6.96, 9.6,
      12.4, 10.24, 7.92, 6.12, 8.4, 10.8, 8.88, 6.84,
    ]
    #expect(
      try #require(try checkOperator(node, [five])[0]).isNear(to: float32([1, 1, 5, 5], expected)))
  }

  @Test func dilates() throws {
    let attributes: [Attribute] = [.ints("kernel_shape", [2, 2]), .ints("dilations", [2, 2])]
    func pool(_ type: String) throws -> Tensor? {
      try checkOperator(
        Node(type, inputs: ["x"], outputs: ["y"], attributes: attributes), [four])[0]
    }
    #expect(try pool("MaxPool") == float32([1, 1, 2, 2], [11, 12, 15, 16]))
    #expect(try pool("AveragePool") == float32([1, 1, 2, 2], [6, 7, 10, 11]))
    let norms = float32([1, 1, 2, 2], [14.5602, 16.2481, 21.6333, 23.4947])
    #expect(try #require(try pool("LpPool")).isNear(to: norms))
  }

  static let windows: [(x: [Int], attributes: [Attribute])] = [
    ([2, 3, 17], [.ints("kernel_shape", [4]), .ints("strides", [3]), .int("ceil_mode", 1)]),
    ([1, 2, 9, 40], [.ints("kernel_shape", [3, 3]), .ints("pads", [1, 1, 1, 1])]),
    ([1, 2, 9, 41], [.ints("kernel_shape", [3, 2]), .ints("strides", [2, 2])]),
    ([2, 3, 7, 7], [.ints("kernel_shape", [3, 3]), .ints("pads", [1, 1, 1, 1])]),
    (
      [1, 3, 21, 23],
      [.ints("kernel_shape", [3, 3]), .ints("strides", [2, 2]), .ints("pads", [1, 0, 1, 1])]
    ),
    ([1, 2, 4, 1], [.ints("kernel_shape", [5, 3]), .ints("pads", [2, 1, 2, 1])]),
    (
      [2, 1, 6, 18],
      [.ints("kernel_shape", [1, 2]), .ints("strides", [1, 2]), .int("ceil_mode", 1)]
    ),
    (
      [2, 2, 8, 9],
      [.ints("kernel_shape", [3, 3]), .ints("dilations", [1, 2]), .ints("pads", [2, 0, 1, 2])]
    ),
    (
      [1, 2, 5, 6, 7],
      [
        .ints("kernel_shape", [2, 3, 2]), .string("auto_pad", "SAME_LOWER"),
        .ints("strides", [2, 1, 3]),
      ]
    ),
  ]

  @Test(arguments: windows.indices, ["MaxPool", "AveragePool", "LpPool"])
  func agreesInAllTypes(index: Int, type: String) throws {
    let (shape, attributes) = Self.windows[index]
    let x = Tensor(shape: shape, noise(shape.reduce(1, *)))
    let node = Node(type, inputs: ["x"], outputs: ["y"], attributes: attributes)
    let exact = try checkOperator(node, [x.converted(to: .float64)])[0]
    for (type, tolerance) in [(ElementType.float32, 1e-6), (.float16, 4e-3), (.bfloat16, 2e-2)] {
      let y = try checkOperator(node, [x.converted(to: type)])[0]
      #expect(try #require(y).isNear(to: exact, tolerance))
    }
    if type == "MaxPool" {
      var both = node
      both.outputs.append("i")
      let pair = try checkOperator(both, [x])
      let places = try #require(pair[1]).elements(as: Int64.self)
      let values = x.elements(as: Float.self)
      #expect(
        places.map { values[Int($0)] } == Array(try #require(pair[0]).elements(as: Float.self)))
    }
  }

  @Test func passesNaNOn() throws {
    let x = float32([1, 1, 4], [1, .nan, 2, 3])
    let y = try checkOperator(node("MaxPool", .ints("kernel_shape", [2])), [x])
    #expect(try #require(y[0]).isNear(to: float32([1, 1, 3], [.nan, .nan, 3])))
    let whole = try checkOperator(node("GlobalMaxPool"), [x])
    #expect(try #require(whole[0]).isNear(to: float32([1, 1, 1], [.nan])))
  }

  @Test func poolsWholeImages() throws {
    let x = float32([1, 1, 3, 3], ramp(9, from: 1))
    #expect(try checkOperator(node("GlobalAveragePool"), [x]) == [float32([1, 1, 1, 1], [5])])
    #expect(try checkOperator(node("GlobalMaxPool"), [x]) == [float32([1, 1, 1, 1], [9])])
    let sum = try checkOperator(node("GlobalLpPool", .int("p", 1)), [x])
    #expect(sum == [float32([1, 1, 1, 1], [45])])
    let old = try checkOperator(node("GlobalLpPool", .float("p", 1)), [x], opset: 1)
    #expect(old == sum)
  }

  @Test func undoesMaxPool() throws {
    let indices = Tensor(shape: [1, 1, 2, 2], [5, 7, 13, 15] as [Int64])
    let attributes: [Attribute] = [.ints("kernel_shape", [2, 2]), .ints("strides", [2, 2])]
    let y = try checkOperator(
      Node("MaxUnpool", inputs: ["x", "i"], outputs: ["y"], attributes: attributes),
      [float32([1, 1, 2, 2], [1, 2, 3, 4]), indices])
    #expect(y == [float32([1, 1, 4, 4], [0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4])])
    let shaped = Node("MaxUnpool", inputs: ["x", "i", "s"], outputs: ["y"], attributes: attributes)
    let larger = try checkOperator(
      shaped,
      [
        float32([1, 1, 2, 2], [5, 6, 7, 8]), indices, Tensor(shape: [4], [1, 1, 5, 5] as [Int64]),
      ])
    var expected = [Float](repeating: 0, count: 25)
    for (place, value) in [(6, 5), (8, 6), (16, 7), (18, 8)] { expected[place] = Float(value) }
    #expect(larger == [float32([1, 1, 5, 5], expected)])
    for (index, shape) in [(16, [1, 1, 5, 5]), (-1, [1, 1, 5, 5]), (5, [1, 1, 3, 3])] {
      #expect(throws: OperatorError.self) {
        try checkOperator(
          shaped,
          [
            float32([1, 1, 2, 2], [5, 6, 7, 8]),
            Tensor(shape: [1, 1, 2, 2], [Int64(index), 7, 13, 15]),
            Tensor(shape: [4], shape.map(Int64.init)),
          ])
      }
    }
  }

  @Test(arguments: ["MaxPool", "AveragePool", "LpPool"])
  func rejectsImpossibleGeometry(type: String) {
    let bad: [[Attribute]] = [
      [],
      [.ints("kernel_shape", [2])],
      [.ints("kernel_shape", [2, 0])],
      [.ints("kernel_shape", [6, 1])],
      [.ints("kernel_shape", [2, 2]), .ints("strides", [0, 1])],
      [.ints("kernel_shape", [2, 2]), .ints("strides", [Int.min, 1])],
      [.ints("kernel_shape", [2, 2]), .ints("dilations", [5, 1])],
      [.ints("kernel_shape", [Int.max, 2]), .ints("dilations", [Int.max, 1])],
      [.ints("kernel_shape", [2, 2]), .ints("pads", [Int.max, 1, 1, 1])],
      [.ints("kernel_shape", [2, 2]), .ints("pads", [1, 1, 1])],
      [.ints("kernel_shape", [2, 2]), .int("ceil_mode", 2)],
    ]
    for attributes in bad {
      #expect(throws: OperatorError.self) {
        try checkOperator(
          Node(type, inputs: ["x"], outputs: ["y"], attributes: attributes), [four])
      }
    }
    #expect(throws: OperatorError.self) {
      try checkOperator(
        Node(
          type, inputs: ["x"], outputs: ["y"], attributes: [.ints("kernel_shape", [1])]),
        [float32([4, 4], ramp(16))])
    }
  }

  /// Elements in the padding are counted but never read.
  @Test func paddingBeyondMeasureCostsNothing() throws {
    let width = 1 << 40
    let attributes: [Attribute] = [
      .ints("kernel_shape", [width]), .ints("pads", [width, width]), .ints("strides", [3 * width]),
      .int("count_include_pad", 1),
    ]
    let y = try checkOperator(
      Node("AveragePool", inputs: ["x"], outputs: ["y"], attributes: attributes),
      [float32([1, 1, 4], ramp(4))])
    #expect(y == [float32([1, 1, 1], [0])])
    let most = try checkOperator(
      node("MaxPool", .ints("kernel_shape", [2 * width]), .ints("pads", [width, width])),
      [float32([1, 1, 1], [7])])
    #expect(most == [float32([1, 1, 2], [7, 7])])
  }
}
