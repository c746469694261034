import ONNX
import Testing

/// Nodes between `DequantizeLinear` and `QuantizeLinear` run on integers, with the same results.
@Suite struct IntegerOperatorTests {
  /// Quantised values: uint8 or int8, with scales and zero points as constants.
  private struct Notes {
    var nodes: [Node] = []
    var constants: [NamedTensor] = []

    /// `DequantizeLinear` of a value, or of a constant.
    mutating func real(_ codes: String, _ scale: Float, _ zero: Tensor) -> String {
      let name = "\(codes)_real\(nodes.count)"
      constants.append(NamedTensor("\(name)_scale", Tensor(scale)))
      constants.append(NamedTensor("\(name)_zero", zero))
      nodes.append(
        Node(
          "DequantizeLinear", inputs: [codes, "\(name)_scale", "\(name)_zero"], outputs: [name]))
      return name
    }

    mutating func node(
      _ type: String, _ inputs: [String], _ attributes: [Attribute] = []
    ) -> String {
      let name = "v\(nodes.count)"
      nodes.append(Node(type, inputs: inputs, outputs: [name], attributes: attributes))
      return name
    }

    mutating func constant(_ tensor: Tensor) -> String {
      let name = "c\(constants.count)"
      constants.append(NamedTensor(name, tensor))
      return name
    }

    /// `QuantizeLinear` to an output.
    mutating func quantized(_ x: String, _ scale: Float, _ zero: Tensor, _ output: String = "y") {
      constants.append(NamedTensor("\(output)_scale", Tensor(scale)))
      constants.append(NamedTensor("\(output)_zero", zero))
      nodes.append(
        Node(
          "QuantizeLinear", inputs: [x, "\(output)_scale", "\(output)_zero"], outputs: [output]))
    }

    /// Runs the nodes with and without the pass.
    /// - Returns: the results without and with it, and the operators with it
    func run(
      _ x: Tensor, outputs: [String] = ["y"], opset: Int64 = 21
    ) throws -> (plain: [Tensor], integer: [Tensor], operators: [String]) {
      let model = Models.model(
        nodes, inputs: [ValueInfo("x", .tensor(x.type))], outputs: outputs,
        initializers: constants, opset: opset)
      var options = SessionOptions()
      options.threads = 1
      options.passes = []
      let plain = try Session(model, options: options).run(["x": x])
      let session = try Session(model)
      let results = try session.run(["x": x])
      return (
        try outputs.map { try #require(plain[$0]) }, try outputs.map { try #require(results[$0]) },
        try session.describePlan(shapes: ["x": x.shape]).steps.map(\.operatorType)
      )
    }
  }

  private func bytes(_ shape: [Int]) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(shape: shape, (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 97 &+ $0 / 5) })
  }

  private func weights(_ shape: [Int]) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(
      shape: shape, (0..<count).map { Int8(truncatingIfNeeded: $0 &* 53 &+ $0 / 3) })
  }

  private func zero(_ value: UInt8) -> Tensor { Tensor(value) }

  /// The largest difference of the integers of two tensors.
  private func difference(_ a: Tensor, _ b: Tensor) throws -> Int {
    #expect(a.shape == b.shape)
    #expect(a.elementType == b.elementType)
    return a.elementType == .int8
      ? zip(try a.array(as: Int8.self), try b.array(as: Int8.self)).map {
        abs(Int($0) - Int($1))
      }.max() ?? 0
      : zip(try a.array(as: UInt8.self), try b.array(as: UInt8.self)).map {
        abs(Int($0) - Int($1))
      }.max() ?? 0
  }

  @Test func functionsOfOneNumberBecomeATable() throws {
    var notes = Notes()
    let x = notes.real("x", 0.05, zero(100))
    let gate = notes.node("Sigmoid", [x])
    notes.quantized(gate, 1 / 256, zero(0), "g")
    let product = notes.node("Mul", [x, notes.real("g", 1 / 256, zero(0))])
    let scaled = notes.node("Add", [product, notes.constant(Tensor(0.5 as Float))])
    notes.quantized(scaled, 0.04, Tensor(-3 as Int8))
    let x8 = bytes([2, 300])
    let (plain, integer, operators) = try notes.run(x8)
    #expect(operators == ["ByteTable"])
    #expect(try difference(plain[0], integer[0]) == 0)
  }

  @Test(arguments: ["Add", "Sub", "Mul"]) func pairsKeepTheirBits(function: String) throws {
    var notes = Notes()
    let x = notes.real("x", 0.05, zero(100))
    let small = notes.node("ReduceMax", [x, notes.constant(Tensor(shape: [1], [2 as Int64]))])
    notes.quantized(small, 0.07, Tensor(-5 as Int8), "m")
    let m = notes.real("m", 0.07, Tensor(-5 as Int8))
    notes.quantized(notes.node(function, [x, m]), 0.11, zero(90))
    let (plain, integer, operators) = try notes.run(bytes([2, 3, 70]))
    #expect(operators.contains("ByteArithmetic"))
    #expect(try difference(plain[0], integer[0]) == 0)
  }

  @Test func movedElementsStayIntegers() throws {
    var notes = Notes()
    let x = notes.real("x", 0.05, zero(100))
    let pool = notes.node(
      "MaxPool", [x], [.ints("kernel_shape", [2, 2]), .ints("strides", [2, 2])])
    let turned = notes.node("Transpose", [pool], [.ints("perm", [0, 2, 3, 1])])
    let flat = notes.node("Flatten", [turned])
    notes.quantized(flat, 0.05, zero(100))
    let (plain, integer, operators) = try notes.run(bytes([1, 3, 8, 6]))
    #expect(!operators.contains("DequantizeLinear") && !operators.contains("QuantizeLinear"))
    #expect(try difference(plain[0], integer[0]) == 0)
  }

  @Test func concatenationTakesTheScaleOfTheResult() throws {
    var notes = Notes()
    let x = notes.real("x", 0.05, zero(100))
    let relu = notes.node("Relu", [x])
    notes.quantized(relu, 0.03, zero(0), "r")
    let both = notes.node(
      "Concat", [x, notes.real("r", 0.03, zero(0))], [.int("axis", 1)])
    notes.quantized(both, 0.06, zero(90))
    let (plain, integer, operators) = try notes.run(bytes([2, 40]))
    #expect(Set(operators) == ["ByteTable", "Concat"])
    #expect(try difference(plain[0], integer[0]) == 0)
  }

  @Test(arguments: [false, true]) func meansOfImages(isSigned: Bool) throws {
    var notes = Notes()
    let x = notes.real("x", 0.05, zero(100))
    let mean = notes.node("GlobalAveragePool", [x])
    notes.quantized(mean, 0.02, isSigned ? Tensor(-9 as Int8) : zero(110))
    let (plain, integer, operators) = try notes.run(bytes([2, 5, 7, 9]))
    #expect(operators == ["ByteMean"])
    #expect(try difference(plain[0], integer[0]) <= 1)
  }

  /// Sums of whole numbers are exact; sums of floats may end on the other side of a half.
  @Test(arguments: [1, 4]) func convolutions(groups: Int) throws {
    var notes = Notes()
    let channels = 8
    let x = notes.real("x", 0.02, zero(120))
    let w = notes.constant(weights([12, channels / groups, 3, 3]))
    let scales = (0..<12).map { 0.002 + Float($0) / 8192 }
    notes.constants += [
      NamedTensor("w_scale", Tensor(shape: [12], scales)),
      NamedTensor("w_zero", Tensor(shape: [12], [Int8](repeating: 0, count: 12))),
      NamedTensor("b", Tensor(shape: [12], (0..<12).map { Int32($0 * 900 - 5000) })),
      NamedTensor("b_scale", Tensor(shape: [12], scales.map { $0 * 0.02 })),
      NamedTensor("b_zero", Tensor(shape: [12], [Int32](repeating: 0, count: 12))),
    ]
    notes.nodes += [
      Node(
        "DequantizeLinear", inputs: [w, "w_scale", "w_zero"], outputs: ["wr"],
        attributes: [.int("axis", 0)]),
      Node(
        "DequantizeLinear", inputs: ["b", "b_scale", "b_zero"], outputs: ["br"],
        attributes: [.int("axis", 0)]),
    ]
    let sums = notes.node(
      "Conv", [x, "wr", "br"], [.ints("pads", [1, 1, 1, 1]), .int("group", groups)])
    let relu = notes.node("Relu", [sums])
    notes.quantized(relu, 0.03, zero(7))
    let (plain, integer, operators) = try notes.run(bytes([2, channels, 9, 7]))
    #expect(operators == ["QLinearConv", "ByteTable"])
    #expect(try difference(plain[0], integer[0]) <= 1)
  }

  @Test func matrixProducts() throws {
    var notes = Notes()
    let x = notes.real("x", 0.02, zero(120))
    let w = notes.real(notes.constant(weights([33, 20])), 0.004, Tensor(3 as Int8))
    notes.quantized(notes.node("MatMul", [x, w]), 0.05, zero(128))
    let v = notes.real(notes.constant(weights([9, 33])), 0.003, Tensor(0 as Int8))
    let bias = notes.constant(Tensor(shape: [9], (0..<9).map { Float($0) / 4 }))
    let affine = notes.node("Gemm", [x, v, bias], [.int("transB", 1)])
    notes.nodes.append(Node("Identity", inputs: [affine], outputs: ["z"]))
    let (plain, integer, operators) = try notes.run(bytes([7, 33]), outputs: ["y", "z"])
    #expect(operators.contains("QLinearMatMul") && operators.contains("ScaledMatMulInteger"))
    #expect(try difference(plain[0], integer[0]) <= 1)
    let (a, b) = (try plain[1].array(as: Float.self), try integer[1].array(as: Float.self))
    #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($0)) })
  }

  @Test func blocksOfFourBitsStayPacked() throws {
    var notes = Notes()
    let codes = (0..<640).map { (place: Int) -> Int4 in
      let code = (place * 7 + place / 9) % 16
      return Int4(rawValue: Int8(code - 8))
    }
    let w = notes.constant(Tensor(shape: [64, 10], codes))
    let steps = (0..<20).map { (place: Int) -> Float in Float(place + 1) / 100 }
    let scales = notes.constant(Tensor(shape: [2, 10], steps))
    notes.nodes.append(
      Node(
        "DequantizeLinear", inputs: [w, scales], outputs: ["wr"],
        attributes: [.int("axis", 0), .int("block_size", 32)]))
    notes.nodes.append(Node("MatMul", inputs: ["x", "wr"], outputs: ["y"]))
    for rows in [1, 5] {
      let numbers = (0..<rows * 64).map { (place: Int) -> Float in
        Float(place * 37 % 19) / 8 - 1
      }
      let x = Tensor(shape: [rows, 64], numbers)
      let (plain, integer, operators) = try notes.run(x)
      #expect(operators == ["MatMulNBits"])
      let (a, b) = (try plain[0].array(as: Float.self), try integer[0].array(as: Float.self))
      #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 1e-4 * max(1, abs($0)) })
    }
  }

  @Test func valuesThatAreUsedElsewhereStay() throws {
    var notes = Notes()
    let x = notes.real("x", 0.05, zero(100))
    let relu = notes.node("Relu", [x])
    notes.quantized(relu, 0.03, zero(0))
    notes.nodes.append(Node("Identity", inputs: [relu], outputs: ["z"]))
    let (plain, integer, _) = try notes.run(bytes([2, 40]), outputs: ["y", "z"])
    #expect(try difference(plain[0], integer[0]) == 0)
    #expect(plain[1] == integer[1])
  }

  @Test func branchesRunOnIntegersToo() throws {
    var inner = Notes()
    let x = inner.real("x", 0.05, zero(100))
    inner.quantized(inner.node("Tanh", [x]), 1 / 128, zero(128), "t")
    let branch = Graph(
      name: "then", nodes: inner.nodes, outputs: [ValueInfo("t", nil)],
      initializers: inner.constants)
    let other = Graph(
      name: "else", nodes: [Node("Identity", inputs: ["x"], outputs: ["e"])],
      outputs: [ValueInfo("e", nil)])
    var notes = Notes()
    notes.constants.append(NamedTensor("yes", Tensor(true)))
    notes.nodes = [
      Node("ReduceMax", inputs: ["x"], outputs: ["m"], attributes: [.int("keepdims", 0)]),
      Node("Cast", inputs: ["m"], outputs: ["is"], attributes: [.int("to", 9)]),
      Node(
        "If", inputs: ["is"], outputs: ["y"],
        attributes: [
          Attribute("then_branch", .graph(branch)), Attribute("else_branch", .graph(other)),
        ]),
    ]
    let (plain, integer, _) = try notes.run(bytes([2, 40]))
    #expect(try difference(plain[0], integer[0]) == 0)
  }
}
