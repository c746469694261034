import ONNX
import OperatorLaws
import Testing

@Suite struct NetworkProductTests {
  let matMul = Node("MatMul", inputs: ["a", "b"], outputs: ["y"])

  /// `Σ a · b` in the order of the definition.
  func product(_ a: [Double], _ b: [Double], _ m: Int, _ k: Int, _ n: Int) -> [Double] {
    (0..<m * n).map { index in
      (0..<k).reduce(0) { $0 + a[index / n * k + $1] * b[$1 * n + index % n] }
    }
  }

  @Test(arguments: [(1, 7, 5), (3, 4, 1), (1, 300, 700), (5, 6, 7), (300, 130, 400), (2, 0, 3)])
  func multiplies(m: Int, k: Int, n: Int) throws {
    let inputs = [float32([m, k], noise(m * k)), float32([k, n], noise(k * n, seed: 2))]
    let (a, b) = (inputs[0].reals, inputs[1].reals)
    for (type, tolerance) in [(ElementType.float32, 1e-5), (.float64, 1e-12), (.float16, 2e-2)]
    where type != .float16 || m * n < 1000 {
      let y = try #require(
        try checkOperator(matMul, inputs.map { $0.converted(to: type) })[0])
      #expect(y.shape == [m, n])
      let reals = y.reals
      // Some elements of every tile of a large product, all of a small one.
      for i in Swift.stride(from: 0, to: m * n, by: m * n < 1000 ? 1 : 97) {
        let exact = (0..<k).reduce(0) { $0 + a[i / n * k + $1] * b[$1 * n + i % n] }
        #expect(abs(reals[i] - exact) <= tolerance * max(abs(exact), 1))
      }
    }
  }

  @Test func broadcastsBatchesAndTakesVectors() throws {
    func shape(_ a: [Int], _ b: [Int]) throws -> [Int]? {
      try checkOperator(
        matMul,
        [
          Tensor(shape: a, noise(a.reduce(1, *))),
          Tensor(shape: b, noise(b.reduce(1, *), seed: 2)),
        ])[0]?.shape
    }
    #expect(try shape([2, 1, 3, 4], [5, 4, 6]) == [2, 5, 3, 6])
    #expect(try shape([4], [2, 4, 6]) == [2, 6])
    #expect(try shape([2, 3, 4], [4]) == [2, 3])
    #expect(try shape([4], [4]) == [])
    #expect(try shape([0, 3, 4], [4, 2]) == [0, 3, 2])
    for (a, b) in [([3, 4], [3, 4]), ([2, 3, 4], [3, 4, 5]), ([], [3]), ([3], [])] {
      #expect(throws: OperatorError.self) { try shape(a, b) }
    }
  }

  @Test func broadcastsAsItsMatricesDo() throws {
    let a = float32([2, 1, 2, 3], ramp(12))
    let b = float32([2, 3, 2], ramp(12))
    let y = try #require(try checkOperator(matMul, [a, b])[0])
    for i in 0..<2 {
      for j in 0..<2 {
        let one = product(
          Array(a.reals[i * 6..<i * 6 + 6]), Array(b.reals[j * 6..<j * 6 + 6]), 2, 3, 2)
        #expect(Array(y.reals[(i * 2 + j) * 4..<(i * 2 + j) * 4 + 4]) == one)
      }
    }
  }

  @Test func multipliesIntegersModuloTheirSize() throws {
    let a = Tensor(shape: [1, 2], [Int32.max, 2])
    let b = Tensor(shape: [2, 1], [2, 3] as [Int32])
    #expect(try checkOperator(matMul, [a, b]) == [Tensor(shape: [1, 1], [4] as [Int32])])
  }

  @Test(arguments: [false, true], [false, true])
  func gemmTransposesScalesAndAdds(transA: Bool, transB: Bool) throws {
    let (m, k, n) = (3, 5, 4)
    let a = noise(m * k)
    let b = noise(k * n, seed: 2)
    func transposed(_ x: [Float], _ rows: Int, _ columns: Int) -> [Float] {
      (0..<rows * columns).map { x[$0 % rows * columns + $0 / rows] }
    }
    let inputs = [
      transA ? float32([k, m], transposed(a, m, k)) : float32([m, k], a),
      transB ? float32([n, k], transposed(b, k, n)) : float32([k, n], b),
    ]
    let c = noise(m * n, seed: 3)
    let addends: [(Tensor?, (Int, Int) -> Float)] = [
      (nil, { _, _ in 0 }),
      (Tensor(c[0]), { _, _ in c[0] }),
      (float32([1], [c[1]]), { _, _ in c[1] }),
      (float32([n], Array(c[..<n])), { c[$1] }),
      (float32([1, n], Array(c[..<n])), { c[$1] }),
      (float32([m, 1], Array(c[..<m])), { row, _ in c[row] }),
      (float32([m, n], c), { c[$0 * n + $1] }),
    ]
    let node = Node(
      "Gemm", inputs: ["a", "b", "c"], outputs: ["y"],
      attributes: [
        .float("alpha", 0.5), .float("beta", 2), .int("transA", transA ? 1 : 0),
        .int("transB", transB ? 1 : 0),
      ])
    let plain = product(a.map(Double.init), b.map(Double.init), m, k, n)
    for (addend, value) in addends {
      let exact = Tensor(
        shape: [m, n],
        plain.enumerated().map { 0.5 * $1 + 2 * Double(value($0 / n, $0 % n)) })
      for (type, tolerance) in [(ElementType.float32, 1e-5), (.float64, 1e-12), (.float16, 1e-2)] {
        let y = try checkOperator(
          node, (inputs + [addend]).map { $0?.converted(to: type) }, opset: 13)[0]
        #expect(try #require(y).isNear(to: exact, tolerance))
      }
    }
  }

  @Test func fusedGemmActivates() throws {
    let a = float32([2, 3], noise(6))
    let b = float32([3, 40], noise(120, seed: 2))
    let c = float32([40], noise(40, seed: 3))
    let plain = try checkOperator(
      Node("Gemm", inputs: ["a", "b", "c"], outputs: ["y"]), [a, b, c])[0]
    let fused = try checkOperator(
      Node(
        "FusedGemm", domain: "swift.onnx", inputs: ["a", "b", "c"], outputs: ["y"],
        attributes: [.string("activation", "Relu")]), [a, b, c], opset: 1)[0]
    let expected = try #require(plain).elements(as: Float.self).map { max($0, 0) }
    #expect(fused == float32([2, 40], expected))
  }

  @Test func gemmOfOldNeedsItsAttributeToBroadcast() throws {
    let inputs = [float32([2, 2], ramp(4)), float32([2, 2], ramp(4)), float32([2], ramp(2))]
    var node = Node("Gemm", inputs: ["a", "b", "c"], outputs: ["y"])
    #expect(throws: OperatorError.self) { try checkOperator(node, inputs, opset: 6) }
    node.attributes = [.int("broadcast", 1)]
    #expect(
      try checkOperator(node, inputs, opset: 6) == [float32([2, 2], [2, 4, 6, 12])])
  }

  @Test func rejectsMatricesThatDoNotFit() {
    let node = Node("Gemm", inputs: ["a", "b", "c"], outputs: ["y"])
    let a = float32([2, 3], ramp(6))
    let bad: [[Tensor?]] = [
      [a, a], [a, float32([3], ramp(3))], [a, float32([3, 2], ramp(6)), float32([3], ramp(3))],
      [a, float32([3, 2], ramp(6)), float32([1, 2, 2], ramp(4))],
      [a, float32([3, 2], ramp(6)).converted(to: .float64)],
    ]
    for inputs in bad {
      #expect(throws: OperatorError.self) { try checkOperator(node, inputs) }
    }
  }

  @Test func multipliesQuantisedMatrices() throws {
    let y = try checkOperator(
      Node("MatMulInteger", inputs: ["a", "b", "za", "zb"], outputs: ["y"]),
      [
        Tensor(shape: [4, 3], [11, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4, 0] as [UInt8]),
        Tensor(shape: [3, 2], [1, 4, 2, 5, 3, 6] as [UInt8]), Tensor(shape: [1], [12] as [UInt8]),
        Tensor(shape: [1], [0] as [UInt8]),
      ])
    let expected: [Int32] = [-38, -83, -44, -98, -50, -113, -56, -128]
    #expect(y == [Tensor(shape: [4, 2], expected)])
  }

  @Test func multipliesAndQuantises() throws {
    let a: [Int8] = [81, 109, -127, 111, -124, 87, -128, -98]
    let b: [Int8] = [25, -76, 117, -67, -101, -128, -127, 0, 119, 0, 127, 120]
    let names = ["a", "sa", "za", "b", "sb", "zb", "sy", "zy"]
    let y = try checkOperator(
      Node("QLinearMatMul", inputs: names, outputs: ["y"]),
      [
        Tensor(shape: [2, 4], a), float32([1], [0.0066]), Tensor(shape: [1], [-14] as [Int8]),
        Tensor(shape: [4, 3], b), float32([1], [0.00705]), Tensor(shape: [1], [-13] as [Int8]),
        float32([1], [0.0107]), Tensor(shape: [1], [-9] as [Int8]),
      ])
    #expect(y == [Tensor(shape: [2, 3], [41, -12, -9, 1, -75, -128] as [Int8])])
  }

  /// A float8 has no zero point but 0, and rounds to the nearest of its own values.
  @Test func multipliesFloat8Matrices() throws {
    func codes<T: SmallFloat>(_ shape: [Int], _ values: [Float], _ type: T.Type) -> Tensor {
      Tensor(shape: shape, values.map { T($0) })
    }
    let names = ["a", "sa", "za", "b", "sb", "zb", "sy", "zy"]
    let node = Node("QLinearMatMul", inputs: names, outputs: ["y"])
    let zero = codes([1], [0], Float8E4M3FN.self)
    let inputs = [
      codes([2, 2], [1.5, -2, 0.25, 448], Float8E4M3FN.self), float32([1], [0.5]), zero,
      codes([2, 2], [4, 0.5, -1, 8], Float8E4M3FN.self), float32([1], [2]), zero,
      float32([1], [2]), zero,
    ]
    // [[8, −15.25], [−447, 3584.125]] · 0.5 · 2 / 2, to 4 bits; 448 is the largest.
    let y = try checkOperator(node, inputs)
    #expect(y == [codes([2, 2], [4, -7.5, -224, 448], Float8E4M3FN.self)])

    var mixed = inputs
    mixed[0] = Tensor(shape: [2, 2], [3, -4, 0, 127] as [Int8])
    mixed[2] = Tensor(shape: [1], [1] as [Int8])
    mixed[7] = codes([1], [0], Float8E5M2.self)
    // [[13, −39], [−130, 1007.5]] / 2, to 3 bits.
    let other = try checkOperator(node, mixed)
    #expect(other == [codes([2, 2], [6, -20, -64, 512], Float8E5M2.self)])
    #expect(throws: OperatorError.self) { try checkOperator(node, inputs, opset: 20) }
    mixed[7] = Tensor(shape: [1], [0] as [Int16])
    #expect(throws: OperatorError.self) { try checkOperator(node, mixed) }
  }

  /// In float64 the product of sum and scale is less than 51.5. onnxruntime gives 52.
  @Test func quantisedSumsAreScaledInFloat32() throws {
    let (scale, one) = (Tensor(0.009486093185842037 as Float), Tensor(1 as Float))
    let (zero, signed) = (Tensor(0 as UInt8), Tensor(0 as Int8))
    let product = try checkOperator(
      Node(
        "QLinearMatMul", inputs: ["a", "as", "az", "b", "bs", "bz", "ys", "yz"], outputs: ["y"]),
      [
        Tensor(shape: [1, 1], [61] as [UInt8]), scale, zero, Tensor(shape: [1, 1], [89] as [Int8]),
        one, signed, one, zero,
      ])
    #expect(product[0] == Tensor(shape: [1, 1], [52] as [UInt8]))
    let convolution = try checkOperator(
      Node(
        "QLinearConv", inputs: ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"],
        outputs: ["y"]),
      [
        Tensor(shape: [1, 1, 1], [0] as [UInt8]), scale, zero,
        Tensor(shape: [1, 1, 1], [0] as [Int8]), one, signed, one, zero,
        Tensor(shape: [1], [5429] as [Int32]),
      ])
    #expect(convolution[0] == Tensor(shape: [1, 1, 1], [52] as [UInt8]))
  }
}
