import Foundation
import ONNX
import OperatorLaws
import Testing

/// A random operator and the first moments of its distribution.
struct RandomCase: Sendable, CustomTestStringConvertible {
  let name: String
  var attributes: [Attribute] = []
  var input: Tensor?
  let type: ElementType
  let mean: Double
  let variance: Double
  /// The fourth central moment.
  let fourth: Double

  var testDescription: String { "\(name) \(type)" }

  static let count = 20_000

  static func normal(_ name: String, _ type: ElementType, _ input: ElementType? = nil) -> RandomCase
  {
    RandomCase(
      name: name,
      attributes: attributes(type, input) + [.float("mean", -1.5), .float("scale", 2)],
      input: input.map(zeros), type: type, mean: -1.5, variance: 4, fourth: 3 * 16)
  }

  static func uniform(_ name: String, _ type: ElementType, _ input: ElementType? = nil)
    -> RandomCase
  {
    RandomCase(
      name: name, attributes: attributes(type, input) + [.float("low", -1), .float("high", 5)],
      input: input.map(zeros), type: type, mean: 2, variance: 3, fourth: pow(6, 4) / 80)
  }

  static func bernoulli(_ p: Float, _ type: ElementType, _ input: ElementType) -> RandomCase {
    let q = Double(1 - p)
    let variance = Double(p) * q
    let input = float32([count], Array(repeating: p, count: count)).converted(to: input)
    return RandomCase(
      name: "Bernoulli", attributes: [.int("dtype", Int(type.rawValue))], input: input, type: type,
      mean: Double(p), variance: variance, fourth: variance * (1 - 3 * variance))
  }

  private static func attributes(_ type: ElementType, _ input: ElementType?) -> [Attribute] {
    let shape: [Attribute] = input == nil ? [.ints("shape", [100, count / 100])] : []
    return input == type ? [] : shape + [.int("dtype", Int(type.rawValue))]
  }

  private static func zeros(_ type: ElementType) -> Tensor {
    let numbers = Array(repeating: Float(0), count: count)
    return type == .int32
      ? Tensor(shape: [100, count / 100], numbers.map { Int32($0) })
      : float32([100, count / 100], numbers).converted(to: type)
  }

  static let all: [RandomCase] = [
    .normal("RandomNormal", .float32), .normal("RandomNormal", .float64),
    .normal("RandomNormal", .float16), .normal("RandomNormal", .bfloat16),
    .normal("RandomNormalLike", .float32, .float32), .normal("RandomNormalLike", .float16, .int32),
    .uniform("RandomUniform", .float32), .uniform("RandomUniform", .float64),
    .uniform("RandomUniform", .float16), .uniform("RandomUniform", .bfloat16),
    .uniform("RandomUniformLike", .float64, .float64),
    .uniform("RandomUniformLike", .float32, .int32), .bernoulli(0.25, .float32, .float32),
    .bernoulli(0.5, .bool, .float16), .bernoulli(0.875, .int64, .float32),
    .bernoulli(0.0625, .uint8, .bfloat16), .bernoulli(0.75, .float64, .float64),
  ]

  /// A model with a number of nodes of this kind.
  func model(nodes: Int = 1, seed: Float? = nil) -> Model {
    let inputs = input == nil ? [] : ["x"]
    let seeds = seed.map { [Attribute.float("seed", $0)] } ?? []
    let graph = Graph(
      nodes: (0..<nodes).map {
        Node(name, inputs: inputs, outputs: ["y\($0)"], attributes: attributes + seeds)
      },
      inputs: input.map { [ValueInfo("x", .tensor($0.type))] } ?? [],
      outputs: (0..<nodes).map { ValueInfo("y\($0)", nil) })
    return Model(graph: graph, operatorSets: [OperatorSetImport(version: 22)])
  }

  var inputs: [String: Tensor] { input.map { ["x": $0] } ?? [:] }
}

@Suite struct RandomOperatorTests {
  private func session(_ model: Model, seed: UInt64 = 3) throws -> Session {
    var options = SessionOptions()
    options.seed = seed
    options.threads = 1
    return try Session(model, options: options)
  }

  /// Expects mean and variance within five standard deviations.
  private func expect(_ numbers: [Double], _ test: RandomCase) {
    let count = Double(numbers.count)
    let mean = numbers.reduce(0, +) / count
    let squares = numbers.map { ($0 - test.mean) * ($0 - test.mean) }
    let variance = squares.reduce(0, +) / count
    #expect(abs(mean - test.mean) < 5 * (test.variance / count).squareRoot(), "\(mean)")
    let spread = ((test.fourth - test.variance * test.variance) / count).squareRoot()
    // The last bit of a bfloat16 is 2⁻⁸ of the value, and twice that of the variance.
    #expect(abs(variance - test.variance) < 5 * spread + 1e-4 * test.variance, "\(variance)")
  }

  @Test(arguments: RandomCase.all) func drawsFromItsDistribution(_ test: RandomCase) throws {
    let y = try #require(try session(test.model()).run(test.inputs)["y0"])
    #expect(y.elementType == test.type)
    #expect(y.shape == test.input?.shape ?? [100, RandomCase.count / 100])
    let numbers = try reals(y)
    expect(numbers, test)
    if test.name == "Bernoulli" { #expect(Set(numbers) == [0, 1]) }
    if test.name.hasPrefix("RandomUniform") {
      #expect(numbers.allSatisfy { (-1...5).contains($0) })
    }
  }

  @Test(arguments: RandomCase.all) func aSeedGivesTheSameNumbers(_ test: RandomCase) throws {
    let seeded = try session(test.model(nodes: 2, seed: 7)).run(test.inputs)
    #expect(seeded["y0"] == seeded["y1"])
    #expect(try session(test.model(seed: 7), seed: 4).run(test.inputs)["y0"] == seeded["y0"])
    #expect(try session(test.model(seed: 8)).run(test.inputs)["y0"] != seeded["y0"])
  }

  @Test(arguments: RandomCase.all) func withoutASeedAllDrawsDiffer(_ test: RandomCase) throws {
    let session = try session(test.model(nodes: 2))
    let first = try session.run(test.inputs)
    let second = try session.run(test.inputs)
    let bound = try session.bind(inputs: test.inputs)
    try bound.run()
    let third = try bound.output("y0")
    try bound.run()
    let draws = try [
      first["y0"], first["y1"], second["y0"], second["y1"], third, bound.output("y0"),
      self.session(test.model(), seed: 4).run(test.inputs)["y0"],
    ]
    for (index, draw) in draws.enumerated() {
      for other in draws.dropFirst(index + 1) { #expect(draw != other) }
    }
    // The seed of the session determines all of them.
    let again = try self.session(test.model(nodes: 2))
    #expect(try again.run(test.inputs) == first)
    #expect(try again.run(test.inputs) == second)
  }

  @Test(arguments: [6, 7])
  func multinomialDrawsClassesByTheirProbabilities(type: Int) throws {
    let test = RandomCase(
      name: "Multinomial", attributes: [.int("sample_size", 20_000), .int("dtype", type)],
      input: float32([2, 4], [0, log(2), log(3), -.infinity, 7, 7, 7, 7]),
      type: type == 6 ? .int32 : .int64, mean: 0, variance: 0, fourth: 0)
    let session = try session(test.model(nodes: 2))
    let outputs = try session.run(test.inputs)
    let y = try #require(outputs["y0"])
    #expect(y.elementType == test.type && y.shape == [2, 20_000])
    let classes = try reals(y)
    let expected: [[Double]] = [[1.0 / 6, 1.0 / 3, 0.5, 0], [0.25, 0.25, 0.25, 0.25]]
    for (row, probabilities) in expected.enumerated() {
      let drawn = classes[row * 20_000..<(row + 1) * 20_000]
      for (index, p) in probabilities.enumerated() {
        let count = Double(drawn.count { $0 == Double(index) })
        let mean = 20_000 * p
        let deviation = (mean * (1 - p)).squareRoot()
        #expect(abs(count - mean) <= 5 * deviation, "\(index)")
      }
    }
    #expect(outputs["y1"] != y)
    #expect(try session.run(test.inputs)["y0"] != y)
    let seeded = try self.session(test.model(nodes: 2, seed: 5)).run(test.inputs)
    #expect(seeded["y0"] == seeded["y1"])
  }

  @Test(arguments: [ElementType.float32, .float16, .float64, .bfloat16])
  func dropoutKeepsAndScales(type: ElementType) throws {
    let count = RandomCase.count
    let x = float32([count], Array(repeating: 1, count: count)).converted(to: type)
    func run(_ attributes: [Attribute], seed: UInt64) throws -> (data: [Double], mask: [Double]) {
      let graph = Graph(
        nodes: [
          Node("Dropout", inputs: ["x", "r", "t"], outputs: ["y", "m"], attributes: attributes)
        ],
        inputs: [ValueInfo("x", .tensor(x.type))],
        outputs: [ValueInfo("y", nil), ValueInfo("m", nil)],
        initializers: [
          NamedTensor("r", Tensor(Float(0.75))), NamedTensor("t", Tensor(true)),
        ])
      let model = Model(graph: graph, operatorSets: [OperatorSetImport(version: 22)])
      let outputs = try session(model, seed: seed).run(["x": x])
      #expect(outputs["y"]?.type == x.type)
      #expect(outputs["m"]?.type == TensorType(.bool, [count]))
      return try (reals(#require(outputs["y"])), reals(#require(outputs["m"])))
    }
    for attributes in [[], [.int("seed", 9)]] as [[Attribute]] {
      let first = try run(attributes, seed: 1)
      #expect(zip(first.data, first.mask).allSatisfy { $0 == 4 * $1 })
      let kept = first.mask.reduce(0, +)
      let deviation = (Double(count) * 0.25 * 0.75).squareRoot()
      #expect(abs(kept - 0.25 * Double(count)) < 5 * deviation, "\(kept)")
      #expect(try run(attributes, seed: 1) == first)
      // Only the node's own seed counts.
      #expect(try (run(attributes, seed: 2) == first) == !attributes.isEmpty)
    }
  }
}

/// The elements of a numeric tensor.
private func reals(_ tensor: Tensor) throws -> [Double] {
  let cast = Node(
    "Cast", inputs: ["x"], outputs: ["y"], attributes: [.int("to", 11)])
  return try #require(try checkOperator(cast, [tensor], opset: 22)[0]).array(as: Double.self)
}
