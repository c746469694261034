import ONNX
import Testing

@Suite struct InitializerTests {
  /// The elements of a parameter of that shape.
  private func draw(_ initializer: Initializer, _ shape: [Int]) throws -> [Double] {
    let m = ModelBuilder(seed: 9, elementType: .float64)
    try m.output("y", m.parameter("w", shape, initializer))
    return try parameter("w", of: m.model(name: "draw")).array(as: Double.self)
  }

  private func moments(_ values: [Double]) -> (mean: Double, variance: Double) {
    let mean = values.reduce(0, +) / Double(values.count)
    let squares = values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +)
    return (mean, squares / Double(values.count))
  }

  /// Weights of 60 outputs, 40 inputs and a kernel of 3: fan in 120, fan out 180.
  private let shape = [60, 40, 3]

  private static let uniforms: [(Initializer, Double, Double)] = [
    (.uniform(-0.5, 0.25), -0.5, 0.25),
    (.fanIn, -0.091287, 0.091287),
    (.glorotUniform(), -0.141421, 0.141421),
    (.glorotUniform(gain: 2), -0.282843, 0.282843),
    (.heUniform, -0.223607, 0.223607),
  ]

  @Test(arguments: uniforms)
  func uniformNumbersFillTheirBounds(
    _ initializer: Initializer, _ low: Double, _ high: Double
  ) throws {
    let values = try draw(initializer, shape)
    let (mean, variance) = moments(values)
    let width = high - low
    #expect(values.allSatisfy { low - 1e-6 <= $0 && $0 < high + 1e-6 })
    #expect(values.contains { $0 < low + width / 100 })
    #expect(values.contains { $0 > high - width / 100 })
    // Within four standard errors of 7,200 numbers.
    let square: Double = width * width / 12
    let middle: Double = (low + high) / 2
    #expect(abs(mean - middle) < 4 * (square / 7200).squareRoot())
    #expect(abs(variance / square - 1) < 0.05)
  }

  private static let normals: [(Initializer, Double, Double)] = [
    (.normal(), 0, 1),
    (.normal(mean: 3, deviation: 0.1), 3, 0.1),
    (.glorotNormal(), 0, 0.0816497),
    (.heNormal, 0, 0.129099),
  ]

  @Test(arguments: normals)
  func normalNumbersHaveTheirDeviation(
    _ initializer: Initializer, _ expected: Double, _ deviation: Double
  ) throws {
    let values = try draw(initializer, shape)
    let (mean, variance) = moments(values)
    #expect(abs(mean - expected) < 4 * deviation / 7200.0.squareRoot())
    #expect(abs(variance / (deviation * deviation) - 1) < 0.07)
    let within = values.filter { abs($0 - expected) < deviation }.count
    #expect(abs(Double(within) / 7200 - 0.6827) < 0.025)
  }

  @Test func constantsAreConstant() throws {
    #expect(try draw(.zeros, [3]) == [0, 0, 0])
    #expect(try draw(.ones, [2]) == [1, 1])
    #expect(try draw(.constant(-2), [1]) == [-2])
  }

  @Test(arguments: [[12, 12], [7, 12], [12, 7], [6, 2, 5]])
  func orthogonalRowsOrColumnsAreOrthonormal(_ shape: [Int]) throws {
    let rows = shape[0]
    let columns = shape.dropFirst().reduce(1, *)
    let values = try draw(.orthogonal(gain: 2), shape)
    let isTall = rows > columns
    let (count, length) = isTall ? (columns, rows) : (rows, columns)
    func element(_ vector: Int, _ k: Int) -> Double {
      isTall ? values[k * columns + vector] : values[vector * columns + k]
    }
    for a in 0..<count {
      for b in 0..<count {
        var product: Double = a == b ? -4 : 0
        for k in 0..<length { product += element(a, k) * element(b, k) }
        #expect(abs(product) < 1e-12)
      }
    }
  }

  @Test func recurrentBlocksAreOrthogonalEach() throws {
    var layer = GRU(8)
    layer.options.recurrentWeight = .orthogonal()
    let weights = try floats(
      parameter("weight_hh_l0", of: layer.model(["N", "T", 3])))
    for gate in 0..<3 {
      for a in 0..<8 {
        for b in 0..<8 {
          let (first, second) = ((gate * 8 + a) * 8, (gate * 8 + b) * 8)
          var product: Float = a == b ? -1 : 0
          for k in 0..<8 { product += weights[first + k] * weights[second + k] }
          #expect(abs(product) < 1e-6)
        }
      }
    }
  }

  @Test func layersBeginAsInPyTorch() throws {
    let net = Sequential {
      Conv1D(64, 3)
      Flatten()
      Dense(30)
    }
    let model = try net.model(["N", 16, 9])
    let bounds: [(String, Float)] = [
      ("0.weight", 1 / 48), ("0.bias", 1 / 48), ("2.weight", 1 / 448), ("2.bias", 1 / 448),
    ]
    for (name, square) in bounds {
      let values = try floats(parameter(name, of: model))
      let largest = try #require(values.map { abs($0) }.max())
      #expect(largest <= square.squareRoot())
      #expect(largest > 0.8 * square.squareRoot())
    }
    let recurrent = try LSTM(25).model(["N", "T", 4])
    for name in ["weight_ih_l0", "weight_hh_l0", "bias_l0"] {
      let largest = try #require(floats(parameter(name, of: recurrent)).map { abs($0) }.max())
      #expect(largest <= 0.2)
      #expect(largest > 0.19)
    }
  }

  @Test func parametersFollowFromSeedAndNameAlone() throws {
    func weights(_ seed: UInt64, _ name: String, after other: Bool) throws -> Tensor {
      let m = ModelBuilder(seed: seed)
      if other { _ = try m.parameter("other", [5], .normal()) }
      try m.scope("encoder") { m throws(ModelError) in
        try m.output("y", m.parameter(name, [4], .normal()))
      }
      return try parameter("encoder.\(name)", of: m.model(name: "draw"))
    }
    let first = try weights(1, "weight", after: false)
    #expect(try weights(1, "weight", after: true) == first)
    #expect(try weights(2, "weight", after: false) != first)
    #expect(try weights(1, "bias", after: false) != first)
  }
}
