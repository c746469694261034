// swift-format-ignore-file: NeverForceUnwrap
import ONNX
import OperatorLaws
import Testing

/// One line of `supportVectorTable`.
struct SupportVectorExample: Sendable, CustomTestStringConvertible {
  let type: String
  let attributes: [Attribute]
  let x: Tensor
  let outputs: [Tensor]
  var testDescription: String {
    "\(type) \(attributes.prefix(2).map(\.name)) \(outputs.map(\.shape))"
  }

  static let all = supportVectorTable.split(separator: "\n").map { Self(String($0)) }

  init(_ line: String) {
    let fields = line.split(separator: ";").map { String($0.drop { $0 == " " }) }
    type = fields[0]
    attributes = fields[1].split(separator: " ").map { text in
      let parts = text.split(separator: "=", maxSplits: 1)
      let (name, value) = (String(parts[0]), parts[1].dropFirst())
      let words = value.split(separator: ",")
      switch parts[1].first {
      case "i": return .int(name, Int(value)!)
      case "I": return .ints(name, words.map { Int($0)! })
      case "F": return .floats(name, words.map { Float($0)! })
      default: return .string(name, String(value))
      }
    }
    x = Self.tensor(fields[2])
    outputs = fields[3].split(separator: "/").map { Self.tensor(String($0)) }
  }

  private static func tensor(_ text: String) -> Tensor {
    let words = text.split(separator: " ")
    let head = words[0].split(separator: "[")
    let shape = head[1].dropLast().split(separator: ",").map { Int($0)! }
    return head[0] == "int64"
      ? Tensor(shape: shape, words.dropFirst().map { Int64($0)! })
      : Tensor(shape: shape, words.dropFirst().map { Float($0)! })
  }
}

@Suite struct SupportVectorTests {
  private func run(
    _ type: String, _ x: Tensor, _ attributes: [Attribute], outputs: Int = 1
  ) throws -> [Tensor?] {
    try checkOperator(
      Node(
        type, domain: "ai.onnx.ml", inputs: ["x"], outputs: (0..<outputs).map { "y\($0)" },
        attributes: attributes), [x], opset: 1)
  }

  @Test(arguments: SupportVectorExample.all)
  func givesWhatThePeersGive(_ example: SupportVectorExample) throws {
    let results = try run(
      example.type, example.x, example.attributes, outputs: example.outputs.count)
    for (result, expected) in zip(results, example.outputs) {
      if expected.elementType == .int64 {
        #expect(result == expected)
      } else {
        #expect(result?.isNear(to: expected, 1e-4) == true, "\(result?.reals ?? [])")
      }
    }
  }

  private let line: [Attribute] = [
    .floats("coefficients", [1, -2]), .floats("rho", [0.5]),
  ]

  @Test func takesEveryTypeOfNumberAndOneVector() throws {
    let y = try run("SVMRegressor", Tensor(shape: [2, 2], [1, 2, 3, 1] as [Float]), line)
    #expect(y == [Tensor(shape: [2, 1], [-2.5, 1.5] as [Float])])
    #expect(try run("SVMRegressor", Tensor(shape: [2, 2], [1, 2, 3, 1] as [Int32]), line) == y)
    #expect(try run("SVMRegressor", Tensor(shape: [2, 2], [1, 2, 3, 1] as [Int64]), line) == y)
    #expect(try run("SVMRegressor", Tensor(shape: [2, 2], [1, 2, 3, 1] as [Double]), line) == y)
    #expect(
      try run("SVMRegressor", Tensor(shape: [2], [1, 2] as [Float]), line)
        == [Tensor(shape: [1, 1], [-2.5] as [Float])])
    #expect(
      try run("SVMRegressor", Tensor(shape: [0, 2], [] as [Float]), line)
        == [Tensor(shape: [0, 1], [] as [Float])])
  }

  @Test func namesClassesByStrings() throws {
    let y = try run(
      "SVMClassifier", Tensor(shape: [2, 1], [1, -1] as [Float]),
      [
        .strings("classlabels_strings", ["up", "down"]), .floats("coefficients", [2, -2]),
        .floats("rho", [0.25]),
      ], outputs: 2)
    #expect(y[0] == Tensor(shape: [2], ["up", "down"]))
    #expect(y[1] == Tensor(shape: [2, 2], [2.25, -1.75, -1.75, 2.25] as [Float]))
  }

  @Test func refusesWhatDoesNotFit() {
    let x = Tensor(shape: [1, 2], [1, 2] as [Float])
    for bad: [Attribute] in [
      [], [.floats("coefficients", [1, -2])], [.floats("rho", [1])],
      line + [.int("n_supports", -1)], line + [.int("n_supports", 2)],
      line + [.int("n_supports", .max)], line + [.string("kernel_type", "CUBIC")],
      line + [.floats("kernel_params", [1])], line + [.string("post_transform", "TANH")],
      [.floats("coefficients", [1]), .floats("rho", [0])],
    ] {
      #expect(throws: OperatorError.self) { try run("SVMRegressor", x, bad) }
    }
    let labels = Attribute.ints("classlabels_ints", [1, 2])
    let vectors: [Attribute] = [
      labels, .floats("support_vectors", [1, 2, 3, 4]), .floats("coefficients", [1, 2]),
    ]
    for bad: [Attribute] in [
      line, line + [labels, .strings("classlabels_strings", ["a", "b"])],
      [labels, .floats("coefficients", [1, 2, 3]), .floats("rho", [0])],
      vectors + [.floats("rho", []), .ints("vectors_per_class", [1, 1])],
      vectors + [.floats("rho", [0]), .ints("vectors_per_class", [1])],
      vectors + [.floats("rho", [0]), .ints("vectors_per_class", [1, 2])],
      vectors + [.floats("rho", [0]), .ints("vectors_per_class", [3, -1])],
      vectors + [.floats("rho", [0]), .ints("vectors_per_class", [.max, .max])],
      vectors + [.floats("rho", [0]), .ints("vectors_per_class", [1, 1]), .floats("prob_a", [1])],
    ] {
      #expect(throws: OperatorError.self) { try run("SVMClassifier", x, bad, outputs: 2) }
    }
    #expect(throws: OperatorError.self) {
      try run("SVMRegressor", Tensor(shape: [1, 3], [1, 2, 3] as [Float]), line)
    }
    #expect(throws: OperatorError.self) {
      try run("SVMRegressor", Tensor(shape: [2], ["a", "b"]), line)
    }
  }
}

/// Values from onnxruntime 1.31.1, except for inputs that it does not reject.
@Suite struct CastMapTests {
  private func map(_ keys: [Int64], _ values: [Tensor]) -> Value {
    let type = ValueType.tensor(values.first?.elementType ?? .float32, [] as Shape)
    return .map(
      MapValue(
        keys: .integers(keys, .int64),
        values: SequenceValue(values.map(Value.tensor), elementType: type)))
  }

  private func numbers(_ keys: [Int64], _ values: [Float]) -> Value {
    map(keys, values.map { Tensor(shape: [], [$0]) })
  }

  private func strings(_ keys: [Int64], _ values: [String]) -> Value {
    map(keys, values.map { Tensor(shape: [], [$0]) })
  }

  private func run(_ value: Value, _ attributes: [Attribute] = []) throws -> Tensor? {
    try checkOperator(
      Node(
        "CastMap", domain: "ai.onnx.ml", inputs: ["x"], outputs: ["y"], attributes: attributes),
      values: [value], opset: 1)[0]?.tensor
  }

  @Test func ordersValuesByTheirKeys() throws {
    let x = numbers([5, -2, 3], [1.5, 2, -3.75])
    #expect(try run(x) == Tensor(shape: [1, 3], [2, -3.75, 1.5] as [Float]))
    #expect(
      try run(x, [.string("cast_to", "TO_INT64")]) == Tensor(shape: [1, 3], [2, -3, 1] as [Int64]))
    #expect(
      try run(x, [.string("cast_to", "TO_STRING")])
        == Tensor(shape: [1, 3], ["2.000000", "-3.750000", "1.500000"]))
    #expect(
      try run(strings([2, 1], ["4.25", "-1"])) == Tensor(shape: [1, 2], [-1, 4.25] as [Float]))
    #expect(
      try run(strings([2, 1], ["7", "-1"]), [.string("cast_to", "TO_INT64")])
        == Tensor(shape: [1, 2], [-1, 7] as [Int64]))
    #expect(
      try run(strings([2, 1], ["b", "a"]), [.string("cast_to", "TO_STRING")])
        == Tensor(shape: [1, 2], ["a", "b"]))
    #expect(try run(numbers([], [])) == Tensor(shape: [1, 0], [] as [Float]))
  }

  @Test func putsSparseValuesAtTheirKeys() throws {
    let form: [Attribute] = [.string("map_form", "SPARSE"), .int("max_map", 4)]
    #expect(
      try run(numbers([2, 0], [1.5, 2]), form) == Tensor(shape: [1, 4], [2, 0, 1.5, 0] as [Float]))
    #expect(
      try run(strings([3], ["x"]), form + [.string("cast_to", "TO_STRING")])
        == Tensor(shape: [1, 4], ["0.f", "0.f", "0.f", "x"]))
  }

  @Test func refusesWhatCannotBe() {
    let sparse: [Attribute] = [.string("map_form", "SPARSE"), .int("max_map", 2)]
    #expect(throws: OperatorError.self) { try run(numbers([2], [1]), sparse) }
    #expect(throws: OperatorError.self) { try run(numbers([-1], [1]), sparse) }
    #expect(throws: OperatorError.self) {
      try run(numbers([1], [1]), [.string("map_form", "SPARSE"), .int("max_map", .min)])
    }
    #expect(throws: OperatorError.self) {
      try run(numbers([1], [1]), [.string("map_form", "SPARSE"), .int("max_map", .max)])
    }
    #expect(throws: OperatorError.self) { try run(strings([1], ["a"])) }
    #expect(throws: OperatorError.self) {
      try run(numbers([1], [.infinity]), [.string("cast_to", "TO_INT64")])
    }
    #expect(throws: OperatorError.self) { try run(numbers([1], [1]), [.string("cast_to", "INT")]) }
    #expect(throws: OperatorError.self) { try run(.tensor(Tensor(shape: [1], [1] as [Float]))) }
    #expect(throws: OperatorError.self) {
      try run(map([1], [Tensor(shape: [2], [1, 2] as [Float])]))
    }
    #expect(throws: OperatorError.self) {
      try run(map([1, 2], [Tensor(shape: [], [1] as [Float])]))
    }
  }
}
