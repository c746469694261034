import ONNX
import OperatorLaws
import Testing

@Suite struct NetworkNormalizationTests {
  func node(_ type: String, _ inputs: Int, outputs: Int = 1, _ attributes: Attribute...) -> Node {
    Node(
      type, inputs: (0..<inputs).map { "i\($0)" }, outputs: (0..<outputs).map { "o\($0)" },
      attributes: attributes)
  }

  /// Mean and population variance.
  func moments(_ x: [Double]) -> (mean: Double, variance: Double) {
    let mean = x.reduce(0, +) / Double(x.count)
    return (mean, x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count))
  }

  @Test func normalizesEachImage() throws {
    let y = try checkOperator(
      node("InstanceNormalization", 3),
      [
        float32([1, 2, 1, 3], [-1, 0, 1, 2, 3, 4]), float32([2], [1, 1.5]), float32([2], [0, 1]),
      ])
    let expected: [Float] = [-1.22474, 0, 1.22474, -0.837103, 1, 2.8371]
    #expect(try #require(y[0]).isNear(to: float32([1, 2, 1, 3], expected)))
  }

  static let types: [(ElementType, Double)] = [
    (.float32, 1e-5), (.float64, 1e-9), (.float16, 1e-2), (.bfloat16, 6e-2),
  ]

  @Test(arguments: types.indices) func batchNormalizationFollowsItsEquation(index: Int) throws {
    let (type, tolerance) = Self.types[index]
    for shape in [[2, 3, 4, 5], [4, 3]] {
      let count = shape.reduce(1, *)
      let x = Tensor(shape: shape, noise(count)).converted(to: type)
      let parameters = (2...5).map { seed in
        Tensor(shape: [3], noise(3, seed: UInt64(seed)).map { abs($0) + 0.1 }).converted(to: type)
      }
      let (s, b) = (parameters[0].reals, parameters[1].reals)
      let (m, v) = (parameters[2].reals, parameters[3].reals)
      let plane = count / shape[0] / 3
      let exact = x.reals.enumerated().map { i, value in
        let c = i / plane % 3
        return (value - m[c]) / (v[c] + 1e-5).squareRoot() * s[c] + b[c]
      }
      for opset in [7, 9, 15] where type != .bfloat16 || opset == 15 {
        let y = try checkOperator(
          node("BatchNormalization", 5), [x] + parameters, opset: opset)
        #expect(try #require(y[0]).isNear(to: Tensor(shape: shape, exact), tolerance))
        #expect(
          try evaluateUnknown(node("BatchNormalization", 5), [x] + parameters, opset: opset) == y[0]
        )
      }
    }
  }

  @Test func batchNormalizationTrains() throws {
    let x = float32([2, 2, 3], noise(12))
    let s = float32([2], [0.5, 2])
    let b = float32([2], [1, -1])
    let m = float32([2], [0.25, -0.25])
    let v = float32([2], [1, 3])
    var exact = [Double](repeating: 0, count: 12)
    var (means, variances) = ([Double](), [Double]())
    for c in 0..<2 {
      let places = (0..<12).filter { $0 / 3 % 2 == c }
      let (mean, variance) = moments(places.map { x.reals[$0] })
      for place in places {
        exact[place] = (x.reals[place] - mean) / (variance + 1e-5).squareRoot() * s.reals[c]
        exact[place] += b.reals[c]
      }
      means.append(0.9 * m.reals[c] + 0.1 * mean)
      variances.append(0.9 * v.reals[c] + 0.1 * variance)
    }
    let results = try checkOperator(
      node("BatchNormalization", 5, outputs: 3, .int("training_mode", 1)), [x, s, b, m, v])
    #expect(try #require(results[0]).isNear(to: Tensor(shape: [2, 2, 3], exact)))
    #expect(try #require(results[1]).isNear(to: Tensor(shape: [2], means)))
    #expect(try #require(results[2]).isNear(to: Tensor(shape: [2], variances)))
    let old = try checkOperator(
      node("BatchNormalization", 5, outputs: 5), [x, s, b, m, v], opset: 9)
    #expect(Array(old[..<3]) == results)
    let oldest = try checkOperator(
      node("BatchNormalization", 5, .ints("consumed_inputs", [0, 0, 0, 1, 1])), [x, s, b, m, v],
      opset: 1)
    #expect(oldest[0] == results[0])
  }

  @Test func batchNormalizationOfEachElement() throws {
    let x = float32([2, 2, 2], ramp(8))
    let one = float32([2, 2], [1, 1, 1, 1])
    let zero = float32([2, 2], [0, 0, 0, 0])
    let y = try checkOperator(
      node("BatchNormalization", 5, .int("spatial", 0), .float("epsilon", 0)),
      [x, one, zero, float32([2, 2], [0, 1, 2, 3]), one], opset: 7)
    #expect(y == [float32([2, 2, 2], [0, 0, 0, 0, 4, 4, 4, 4])])
  }

  @Test func batchNormalizationRejectsParametersOfAnotherSize() {
    let x = float32([2, 3, 4], noise(24))
    let three = float32([3], noise(3))
    let two = float32([2], noise(2))
    let bad: [(Node, [Tensor], Int)] = [
      (node("BatchNormalization", 5), [x, two, two, two, two], 15),
      (node("BatchNormalization", 5), [x, three, three, three, two], 15),
      (node("BatchNormalization", 5, outputs: 3), [x, three, three, three, three], 15),
      (node("BatchNormalization", 5, .int("spatial", 0)), [x, three, three, three, three], 7),
      (node("BatchNormalization", 5), [Tensor(1 as Float), three, three, three, three], 15),
    ]
    for (node, inputs, opset) in bad {
      #expect(throws: OperatorError.self) { try checkOperator(node, inputs, opset: opset) }
    }
  }

  @Test(arguments: types.indices, [-1, 1, 0]) func layerNormalization(index: Int, axis: Int) throws
  {
    let (type, tolerance) = Self.types[index]
    let x = float32([3, 4, 70], noise(840)).converted(to: type)
    let size = axis == -1 ? 70 : axis == 1 ? 280 : 840
    let scaleShape = Array([3, 4, 70].suffix(axis == -1 ? 1 : axis == 1 ? 2 : 3))
    let s = Tensor(shape: scaleShape, noise(size, seed: 2)).converted(to: type)
    let b = float32([4, 1], noise(4, seed: 3)).converted(to: type)
    let all = x.reals
    let rows = (0..<840 / size).map { Array(all[$0 * size..<($0 + 1) * size]) }
    let statistics = rows.map(moments)
    let (values, scales, shifts) = (x.reals, s.reals, b.reals)
    let exact = (0..<840).map { i in
      let (mean, variance) = statistics[i / size]
      return (values[i] - mean) / (variance + 1e-5).squareRoot() * scales[i % size]
        + shifts[i / 70 % 4]
    }
    let results = try checkOperator(
      node("LayerNormalization", 3, outputs: 3, .int("axis", axis)), [x, s, b])
    #expect(try #require(results[0]).isNear(to: Tensor(shape: [3, 4, 70], exact), tolerance))
    #expect(results[1]?.elementType == .float32)
    let means = try #require(results[1])
    #expect(zip(means.reals, statistics).allSatisfy { abs($0 - $1.mean) < max(tolerance, 1e-6) })
  }

  @Test func rootMeanSquareNormalization() throws {
    let x = float32([4, 6], noise(24))
    let s = float32([6], noise(6, seed: 2))
    let y = try checkOperator(node("RMSNormalization", 2), [x, s.converted(to: .float64)])
    let exact = (0..<24).map { i in
      let row = x.reals[i / 6 * 6..<i / 6 * 6 + 6]
      let mean = row.reduce(0) { $0 + $1 * $1 } / 6
      return x.reals[i] / (mean + 1e-5).squareRoot() * s.reals[i % 6]
    }
    #expect(y[0]?.elementType == .float64)
    #expect(try #require(y[0]).isNear(to: Tensor(shape: [4, 6], exact)))
  }

  @Test func groupNormalizationScalesChannelsOrGroups() throws {
    let x = float32([2, 4, 3], noise(24))
    let s: [Float] = [1, 2, 3, 4]
    func exact(_ scale: (Int) -> Float) -> Tensor {
      Tensor(
        shape: [2, 4, 3],
        (0..<24).map { i in
          let (mean, variance) = moments(Array(x.reals[i / 6 * 6..<i / 6 * 6 + 6]))
          return (x.reals[i] - mean) / (variance + 1e-5).squareRoot() * Double(scale(i / 3 % 4)) + 1
        })
    }
    let ones: [Float] = [1, 1, 1, 1]
    let byChannel = try checkOperator(
      node("GroupNormalization", 3, .int("num_groups", 2)),
      [x, float32([4], s), float32([4], ones)])
    #expect(try #require(byChannel[0]).isNear(to: exact { s[$0] }))
    let byGroup = try checkOperator(
      node("GroupNormalization", 3, .int("num_groups", 2)),
      [x, float32([2], [1, 2]), float32([2], [1, 1])], opset: 18)
    #expect(try #require(byGroup[0]).isNear(to: exact { s[$0 / 2] }))
    for groups in [0, 3, -2] {
      #expect(throws: OperatorError.self) {
        try checkOperator(
          node("GroupNormalization", 3, .int("num_groups", groups)),
          [x, float32([4], s), float32([4], ones)])
      }
    }
  }

  @Test(arguments: types.indices) func localResponseNormalization(index: Int) throws {
    let (type, tolerance) = Self.types[index]
    let x = float32([2, 5, 3, 2], noise(60)).converted(to: type)
    for (size, before, after) in [(3, 1, 1), (4, 1, 2), (Int.max, 9, 9)] {
      let alpha = size == Int.max ? Float(1e18) : 0.5
      let y = try checkOperator(
        node("LRN", 1, .int("size", size), .float("alpha", alpha), .float("bias", 2)), [x])
      let exact = (0..<60).map { i in
        let c = i / 6 % 5
        let sum = (max(c - before, 0)...min(c + after, 4)).reduce(0.0) { sum, other in
          let value = x.reals[i + (other - c) * 6]
          return sum + value * value
        }
        let base = 2 + Double(alpha) / Double(size) * sum
        return x.reals[i] / (base.squareRoot() * base.squareRoot().squareRoot())
      }
      #expect(try #require(y[0]).isNear(to: Tensor(shape: [2, 5, 3, 2], exact), tolerance))
    }
    #expect(throws: OperatorError.self) { try checkOperator(node("LRN", 1, .int("size", 0)), [x]) }
  }

  @Test func normalizesToUnitLength() throws {
    let x = float32([2, 2, 3], [1, 2, 2, 3, 4, 0, 0, 5, 5, 6, 8, 0])
    let y = try checkOperator(node("LpNormalization", 1), [x])
    let half = Float(0.5).squareRoot()
    let expected: [Float] = [1.0 / 3, 2.0 / 3, 2.0 / 3, 0.6, 0.8, 0, 0, half, half, 0.6, 0.8, 0]
    #expect(try #require(y[0]).isNear(to: float32([2, 2, 3], expected)))
    let none = try checkOperator(
      node("LpNormalization", 1, .int("axis", 0)), [float32([2], [0, 0])])
    #expect(none == [float32([2], [0, 0])])
    for attribute in [Attribute.int("axis", 3), .int("axis", Int.min), .int("p", 3)] {
      #expect(throws: OperatorError.self) {
        try checkOperator(node("LpNormalization", 1, attribute), [x])
      }
    }
  }

  @Test func meanVarianceNormalization() throws {
    let x = float32([2, 3, 2, 2], noise(24))
    let y = try checkOperator(node("MeanVarianceNormalization", 1), [x])
    let exact = (0..<24).map { i in
      let channel = (0..<24).filter { $0 / 4 % 3 == i / 4 % 3 }.map { x.reals[$0] }
      let (mean, variance) = moments(channel)
      return (x.reals[i] - mean) / variance.squareRoot()
    }
    #expect(try #require(y[0]).isNear(to: Tensor(shape: [2, 3, 2, 2], exact)))
    #expect(throws: OperatorError.self) {
      try checkOperator(node("MeanVarianceNormalization", 1, .ints("axes", [4])), [x])
    }
  }
}
