import ONNX
import ONNXOperators
import Testing

/// Compares products of bytes with constant weights, packed once, with those of variable weights.
@Suite struct IntegerProductTests {
  @Test(arguments: 0..<60) func multipliesConstantMatricesAsUnknownOnes(seed: UInt64) throws {
    var random = Random(seed)
    let rows = [[], [1], [7], [2, 3], [40]].randomElement(using: &random) ?? []
    let columns = [1, 5, 16, 70].randomElement(using: &random) ?? 1
    let depth = [1, 3, 257, 700].randomElement(using: &random) ?? 1
    let node = Node("MatMulInteger", inputs: ["a", "b", "za", "zb"], outputs: ["y"])
    try expectEqualSums(
      node, x: rows + [depth], w: [depth, columns], lines: columns, &random)
  }

  /// Both zero points with all types. Bytes are random or extreme; zero points are omitted,
  /// constant or variable.
  private func expectEqualSums(
    _ node: Node, x: [Int], w: [Int], lines: Int, _ random: inout Random
  ) throws {
    func bytes(_ shape: [Int], isSigned: Bool) -> Tensor {
      let isExtreme = Bool.random(using: &random)
      let extreme: UInt8 = [0, 127, 128, 255].randomElement(using: &random) ?? 0
      let values = (0..<shape.reduce(1, *)).map { _ in
        isExtreme ? extreme : UInt8.random(in: 0...255, using: &random)
      }
      return isSigned
        ? Tensor(shape: shape, values.map { Int8(bitPattern: $0) }) : Tensor(shape: shape, values)
    }
    let (signedX, signedW) = (Bool.random(using: &random), Bool.random(using: &random))
    var inputs: [Tensor?] = [bytes(x, isSigned: signedX), bytes(w, isSigned: signedW)]
    inputs.append(Bool.random(using: &random) ? bytes([], isSigned: signedX) : nil)
    let count = [[], [1], [lines], nil].randomElement(using: &random) ?? nil
    inputs.append(count.map { bytes($0, isSigned: signedW) })
    let expected = try evaluatePrepared(node, inputs)
    for constants in [[1, 3], [1, 2, 3]] as [Set<Int>] {
      for threads in 1...3 {
        let y = try evaluatePrepared(node, inputs, constants: constants, threads: threads)
        #expect(y == expected, "\(x) by \(w), known are \(constants), \(threads) threads")
      }
    }
  }

  @Test func addsSumsThatFloat32CannotHold() throws {
    // 255 · 255 · 40,000 + 1 modulo 2³².
    let depth = 40_000
    var b = [UInt8](repeating: 0, count: depth)
    b[7] = 1
    var a = [UInt8](repeating: 255, count: depth)
    a[7] = 254
    let node = Node("MatMulInteger", inputs: ["a", "b", "za", "zb"], outputs: ["y"])
    let y = try evaluatePrepared(
      node,
      [
        Tensor(shape: [1, depth], a), Tensor(shape: [depth, 1], b), Tensor(0 as UInt8),
        Tensor(255 as UInt8),
      ], constants: [1, 3])
    let sum = -255 * 255 * (depth - 1) - 254 * 254
    #expect(y == Tensor(shape: [1, 1], [Int32(truncatingIfNeeded: sum)]))
  }

  @Test func readsConstantWeightsBeforeTheRunOnly() throws {
    let x = Tensor(shape: [2, 300, 6, 6], [UInt8](repeating: 255, count: 21600))
    let w = Tensor(shape: [20, 300, 3, 3], [Int8](repeating: -128, count: 54000))
    let matrix = Tensor(shape: [300, 20], [Int8](repeating: -128, count: 6000))
    for (type, x, w) in [
      ("ConvInteger", x, w), ("MatMulInteger", Tensor(shape: [2, 300], ramp(600).bytes), matrix),
    ] {
      let made = try Registry.standard.make(
        Node(type, inputs: ["x", "w"], outputs: ["y"]), operatorSet: 24
      ).operator
      let types: [ValueType?] = [.tensor(x.type), .tensor(w.type)]
      for weights in [Value.tensor(w), nil] {
        let inputs = Inputs(types: types, constants: [nil, weights])
        let call = Preparation(
          inputs: inputs, outputs: try made.infer(inputs).map(\.tensorType), threads: 2)
        _ = try made.prepare(call)
        #expect(call.replaced.all == (weights == nil ? [] : [1]))
      }
    }
  }

  @Test func keepsApartWhatOtherZeroPointsMakeOfTheSameWeights() throws {
    let packed = PackedTensors()
    let x = Tensor(shape: [5, 8], ramp(40).bytes)
    let w = Tensor(shape: [8, 3], ramp(24).bytes)
    let node = Node("MatMulInteger", inputs: ["a", "b", "", "zb"], outputs: ["y"])
    for rows in [5, 2, 5] {
      for zero in [3, 9, 3] as [UInt8] {
        let inputs = [
          Tensor(shape: [rows, 8], Array(x.elements(as: UInt8.self).prefix(rows * 8))), w, nil,
          Tensor(zero),
        ]
        #expect(
          try evaluatePrepared(node, inputs, constants: [1, 3], packed: packed)
            == evaluatePrepared(node, inputs))
      }
    }
  }
}

extension [Float] {
  /// The values modulo 256.
  fileprivate var bytes: [UInt8] { map { UInt8(truncatingIfNeeded: Int($0)) } }
}
