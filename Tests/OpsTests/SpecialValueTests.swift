import ONNX
import OperatorLaws
import Testing

/// NaN, infinities and the bytes of booleans. The expected values are those of onnx's reference
/// evaluator (`onnx.reference`, 1.23.2), which onnxruntime 1.31.1 gives too where it has the type.
@Suite struct SpecialValueTests {
  struct Row: Sendable, CustomStringConvertible {
    let name: String
    var attributes: [Attribute] = []
    let expected: [Float]
    var description: String { name + (attributes.isEmpty ? "" : " \(attributes.map(\.name))") }
  }

  static let inputs: [Float] = [.nan, .infinity, -.infinity, 0]
  static let rows = [
    Row(name: "ThresholdedRelu", expected: [0, .infinity, 0, 0]),
    Row(name: "HardSigmoid", expected: [.nan, 1, 0, 0.5]),
    Row(name: "HardSwish", expected: [.nan, .infinity, .nan, 0]),
    Row(name: "Gelu", expected: [.nan, .infinity, .nan, 0]),
    Row(
      name: "Gelu", attributes: [.string("approximate", "tanh")],
      expected: [.nan, .infinity, .nan, 0]),
    Row(name: "Mish", expected: [.nan, .infinity, .nan, 0]),
    Row(name: "Swish", expected: [.nan, .infinity, .nan, 0]),
    Row(
      name: "Swish", attributes: [.float("alpha", -1)], expected: [.nan, .nan, -.infinity, 0]),
    Row(name: "Elu", expected: [.nan, .infinity, -1, 0]),
    Row(name: "Celu", expected: [.nan, .infinity, -1, 0]),
    Row(name: "Softplus", expected: [.nan, .infinity, 0, 0.6931472]),
    Row(name: "Softsign", expected: [.nan, .nan, .nan, 0]),
    Row(name: "Shrink", expected: [0, .infinity, -.infinity, 0]),
    Row(name: "LeakyRelu", expected: [.nan, .infinity, -.infinity, 0]),
    Row(name: "Sigmoid", expected: [.nan, 1, 0, 0.5]),
    Row(name: "Tanh", expected: [.nan, 1, -1, 0]),
    Row(name: "Relu", expected: [.nan, .infinity, 0, 0]),
    Row(name: "Erf", expected: [.nan, 1, -1, 0]),
  ]

  @Test(arguments: rows)
  func activationsAreTheirFormulaForEveryType(_ row: Row) throws {
    let node = Node(row.name, inputs: ["x"], outputs: ["y"], attributes: row.attributes)
    // Vector loops, and the rest after them.
    let x = (0..<37).map { Self.inputs[$0 % 4] }
    let tensors: [Tensor] = [
      Tensor(shape: [37], x), Tensor(shape: [37], x.map { Double($0) }),
      Tensor(shape: [37], x.map { Float16($0) }), Tensor(shape: [37], x.map { BFloat16($0) }),
    ]
    for tensor in tensors where row.name != "Shrink" || tensor.elementType != .bfloat16 {
      let y = try #require(try checkOperator(node, [tensor], opset: 28)[0])
      let cast = Node(
        "Cast", inputs: ["y"], outputs: ["z"],
        attributes: [.int("to", Int(ElementType.float64.rawValue))])
      let wide = try #require(try checkOperator(cast, [y])[0]).array(as: Double.self)
      for (index, value) in wide.enumerated() {
        let wanted = Double(row.expected[index % 4])
        let fits =
          wanted.isFinite
          ? abs(value - wanted) < 0.01 : value == wanted || value.isNaN == wanted.isNaN
        #expect(
          fits && value.isNaN == wanted.isNaN,
          "\(tensor.elementType) of \(x[index]): \(value), expected \(wanted)")
      }
    }
  }

  @Test func anyBitsButZeroAreTrue() throws {
    let node = Node(
      "BitCast", inputs: ["x"], outputs: ["y"],
      attributes: [.int("to", Int(ElementType.bool.rawValue))])
    let bytes = Tensor(shape: [4], [0, 1, 2, -128] as [Int8])
    let y = try #require(try checkOperator(node, [bytes], opset: 26)[0])
    let memory = y.storage.pointer.assumingMemoryBound(to: UInt8.self)
    #expect((0..<4).map { memory[$0] } == [0, 1, 1, 1])
    let data = Tensor(shape: [4], [5, 6, 7, 8] as [Float])
    let kept = Node("Compress", inputs: ["d", "c"], outputs: ["y"])
    #expect(try checkOperator(kept, [data, y]) == [Tensor(shape: [3], [6, 7, 8] as [Float])])
  }

  @Test func paddingOfAGridDoesNotReadTheFirstPixel() throws {
    let x = Tensor(shape: [1, 1, 3, 2], [.nan, 1, 2, 3, 4, 5] as [Float])
    let grid = Tensor(shape: [1, 1, 4, 2], [-1, 1, 1, 1, 3, 3, 0, 0.5] as [Float])
    let expected: [[Float]] = [[4, 5, 0, 3.5], [4, 5, 0, 2], [4, 5, 0, 3.625]]
    for (mode, numbers) in zip(["linear", "nearest"], expected) {
      let node = Node(
        "GridSample", inputs: ["x", "grid"], outputs: ["y"],
        attributes: [.int("align_corners", 1), .string("mode", mode)])
      #expect(
        try checkOperator(node, [x, grid]) == [Tensor(shape: [1, 1, 1, 4], numbers)], "\(mode)")
    }
  }

  @Test func windowsOfIntegersKeepTheirPeak() throws {
    for name in ["BlackmanWindow", "HannWindow", "HammingWindow"] {
      let node = Node(
        name, inputs: ["n"], outputs: ["y"],
        attributes: [.int("output_datatype", Int(ElementType.int32.rawValue))])
      let y = try checkOperator(node, [Tensor(Int64(8))])
      #expect(y == [Tensor(shape: [8], [0, 0, 0, 0, 1, 0, 0, 0] as [Int32])], "\(name)")
    }
  }

  @Test func infinitiesOfFloat8SaturateAsInTheCasesOfTheStandard() throws {
    let x = Tensor(shape: [2], [.infinity, -.infinity] as [Float])
    for (type, code) in [
      (ElementType.float8e4m3fn, 0x7E as UInt8), (.float8e4m3fnuz, 0x7F), (.float8e5m2, 0x7B),
      (.float8e5m2fnuz, 0x7F),
    ] {
      let node = Node(
        "Cast", inputs: ["x"], outputs: ["y"], attributes: [.int("to", Int(type.rawValue))])
      let y = try #require(try checkOperator(node, [x])[0])
      let memory = y.storage.pointer.assumingMemoryBound(to: UInt8.self)
      #expect([memory[0], memory[1]] == [code, code | 0x80], "\(type)")
    }
  }

  @Test func emptyAxesNormalizeAll() throws {
    let node = Node(
      "MeanVarianceNormalization", inputs: ["x"], outputs: ["y"], attributes: [.ints("axes", [])])
    let x = Tensor(shape: [2, 2], [1, 3, 3, 1] as [Float])
    #expect(
      try checkOperator(node, [x]) == [Tensor(shape: [2, 2], [-1, 1, 1, -1] as [Float])])
  }

  @Test func absentInputsAtTheEndAreNone() throws {
    let split = Node(
      "SplitToSequence", inputs: ["x", ""], outputs: ["y"], attributes: [.int("keepdims", 0)])
    let x = Tensor(shape: [2], [1, 2] as [Float])
    guard case .sequence(let parts)? = try checkOperator(split, values: [.tensor(x), nil])[0]
    else {
      Issue.record("expected a sequence")
      return
    }
    #expect(parts.elements.map(\.tensor) == [Tensor(Float(1)), Tensor(Float(2))])
    let clip = Node(
      "Clip", inputs: ["x", "", ""], outputs: ["y"], attributes: [])
    #expect(try checkOperator(clip, [x, nil, nil]) == [x])
    let relu = Node("Relu", inputs: ["x", ""], outputs: ["y"])
    #expect(throws: OperatorError.self) { try checkOperator(relu, [x, nil]) }
  }

  /// The default bounds of operator set 6 are the largest numbers; later ones have none.
  @Test func clipOfInfinityByOperatorSet() throws {
    let clip = Node("Clip", inputs: ["x"], outputs: ["y"], attributes: [.float("min", 1)])
    let x = Tensor(shape: [2], [-.infinity, .infinity] as [Float])
    let largest = Float.greatestFiniteMagnitude
    #expect(try checkOperator(clip, [x], opset: 6) == [Tensor(shape: [2], [1, largest])])
    let free = Node("Clip", inputs: ["x"], outputs: ["y"])
    #expect(try checkOperator(free, [x], opset: 13) == [x])
  }

  @Test func scalarsHaveAnExtremeAlongTheirOnlyAxis() throws {
    for axis in [0, -1] {
      let node = Node("ArgMax", inputs: ["x"], outputs: ["y"], attributes: [.int("axis", axis)])
      #expect(try checkOperator(node, [Tensor(Float(3))]) == [Tensor(Int64(0))])
    }
    let node = Node("ArgMax", inputs: ["x"], outputs: ["y"], attributes: [.int("axis", 1)])
    #expect(throws: OperatorError.self) { try checkOperator(node, [Tensor(Float(3))]) }
    let sum = Node("ReduceSum", inputs: ["x", "axes"], outputs: ["y"])
    let axis = { (number: Int64) in Tensor(shape: [1], [number]) }
    #expect(try checkOperator(sum, [Tensor(Float(3)), axis(0)]) == [Tensor(Float(3))])
    #expect(throws: OperatorError.self) { try checkOperator(sum, [Tensor(Float(3)), axis(1)]) }
  }

  /// PyTorch's exporter writes signals without the last dimension.
  @Test func realSignalsMayLackTheirLastDimension() throws {
    let node = Node("STFT", inputs: ["x", "step", "window"], outputs: ["y"])
    let numbers = (0..<16).map { Float($0) }
    let (step, window) = (Tensor(Int64(4)), Tensor(shape: [8], [Float](repeating: 1, count: 8)))
    let flat = try checkOperator(node, [Tensor(shape: [1, 16], numbers), step, window])
    let full = try checkOperator(node, [Tensor(shape: [1, 16, 1], numbers), step, window])
    #expect(flat == full)
    #expect(flat[0]?.shape == [1, 3, 5, 2])
  }

  @Test func aSingleRowMayBeAVector() throws {
    let regressor = Node(
      "LinearRegressor", domain: "ai.onnx.ml", inputs: ["x"], outputs: ["y"],
      attributes: [.floats("coefficients", [1, 2]), .floats("intercepts", [0.5])])
    let x = Tensor(shape: [2], [2, 3] as [Float])
    #expect(
      try checkOperator(regressor, [x], opset: 1) == [Tensor(shape: [1, 1], [8.5] as [Float])])
  }

  /// The neighbour of a pixel that is sampled exactly does not count.
  @Test func resizingKeepsInfinitiesInTheirPlace() throws {
    let node = Node(
      "Resize", inputs: ["x", "", "scales"], outputs: ["y"],
      attributes: [
        .string("mode", "linear"), .string("coordinate_transformation_mode", "asymmetric"),
      ])
    let x = Tensor(shape: [2, 2], [.infinity, .infinity, 1, 3] as [Float])
    let scales = Tensor(shape: [2], [1, 2] as [Float])
    let wanted: [Float] = [.infinity, .infinity, .infinity, .infinity, 1, 2, 3, 3]
    #expect(try checkOperator(node, [x, nil, scales]) == [Tensor(shape: [2, 4], wanted)])
  }

  @Test func windowsLargerThanTheImage() throws {
    let image = Tensor(shape: [1, 1, 1, 2], [1, 2] as [Float])
    func sizes(_ name: String, _ kernel: Int, _ stride: Int, ceil: Int = 0) throws -> [Int]? {
      let node = Node(
        name, inputs: ["x"], outputs: ["y"],
        attributes: [
          .ints("kernel_shape", [1, kernel]), .ints("strides", [1, stride]),
          .int("ceil_mode", ceil),
        ])
      return try checkOperator(node, [image])[0]?.shape
    }
    for name in ["MaxPool", "AveragePool", "LpPool"] {
      #expect(try sizes(name, 3, 1) == [1, 1, 1, 0])
      #expect(try sizes(name, 4, 2) == [1, 1, 1, 0])
      #expect(try sizes(name, 4, 2, ceil: 1) == [1, 1, 1, 0])
      #expect(try sizes(name, 4, 3, ceil: 1) == [1, 1, 1, 1])
      #expect(throws: OperatorError.self) { try sizes(name, 4, 1) }
      #expect(throws: OperatorError.self) { try sizes(name, 9, 3) }
    }
  }
}
