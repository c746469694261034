import ONNX
import OperatorLaws
import Testing

private func run(
  _ type: String, _ inputs: [Value?], _ attributes: [Attribute], outputs: Int = 1
) throws -> [Value?] {
  try checkOperator(
    Node(
      type, domain: "ai.onnx.ml", inputs: inputs.indices.map { "x\($0)" },
      outputs: (0..<outputs).map { "y\($0)" }, attributes: attributes),
    values: inputs, opset: 1)
}

private func run(
  _ type: String, _ input: Tensor, _ attributes: [Attribute], outputs: Int = 1
) throws -> [Tensor?] {
  try run(type, [.tensor(input)], attributes, outputs: outputs).map { $0?.tensor }
}

private func isClose(_ a: Tensor?, _ b: [Float]) throws -> Bool {
  guard let values = try a?.array(as: Float.self), values.count == b.count else { return false }
  return zip(values, b).allSatisfy { abs($0 - $1) <= 1e-6 * max(1, abs($1)) }
}

private func strings(_ values: String...) -> Tensor { Tensor(shape: [values.count], values) }

/// Values from the standard's reference evaluator, if it has the operator.
@Suite struct ClassicRowTests {
  let x = Tensor(shape: [2, 3], [1, 2, -4, 0.5, 0, 3] as [Float])

  @Test func scales() throws {
    let y = try run(
      "Scaler", x, [.floats("offset", [1, 2, 3]), .floats("scale", [2, 4, 0.5])])
    #expect(try isClose(y[0], [0, 0, -3.5, -1, -8, 0]))
    let one = try run("Scaler", x, [.floats("offset", [1]), .floats("scale", [0.5])])
    #expect(try isClose(one[0], [0, 0.5, -2.5, -0.25, -0.5, 1]))
    for bad: [Attribute] in [[.floats("offset", [1, 2])], [.floats("scale", [])]] {
      #expect(throws: OperatorError.self) { try run("Scaler", x, bad) }
    }
    let none = Tensor(shape: [7, 0], [Float]())
    #expect(try run("Scaler", none, []) == [none])
  }

  @Test(
    arguments: [
      ("MAX", [0.25, 0.5, -1, 0.16666667, 0, 1]),
      ("L1", [0.14285715, 0.2857143, -0.5714286, 0.14285715, 0, 0.85714287]),
      ("L2", [0.21821788, 0.43643576, -0.8728715, 0.16439898, 0, 0.98639387]),
    ] as [(String, [Float])])
  func normalizes(norm: String, expected: [Float]) throws {
    #expect(try isClose(try run("Normalizer", x, [.string("norm", norm)])[0], expected))
    let zeros = Tensor(shape: [1, 2], [0, 0] as [Float])
    #expect(try run("Normalizer", zeros, [.string("norm", norm)]) == [zeros])
    #expect(throws: OperatorError.self) { try run("Normalizer", x, [.string("norm", "L3")]) }
  }

  @Test func regressesLinearly() throws {
    let attributes: [Attribute] = [
      .floats("coefficients", [0.5, -1, 2, 0.25, 1, 1.5]), .floats("intercepts", [1, -2]),
      .int("targets", 2),
    ]
    #expect(
      try isClose(try run("LinearRegressor", x, attributes)[0], [-8.5, -5.75, 7.25, 2.625]))
    for bad: [Attribute] in [
      [.int("targets", 2)], [.floats("coefficients", [1, 2])],
      [.floats("coefficients", [1, 2, 3]), .int("targets", 2)],
      [.floats("coefficients", [1, 2, 3]), .floats("intercepts", [1, 2])],
      [.floats("coefficients", [1, 2, 3]), .int("targets", .min)],
    ] {
      #expect(throws: OperatorError.self) { try run("LinearRegressor", x, bad) }
    }
  }

  @Test(
    arguments: [
      ("NONE", [-8.5, -5.75, 3.5, 7.25, 2.625, -1]),
      (
        "SOFTMAX",
        [6.143584e-06, 9.6101816e-05, 0.9998977, 0.99003536, 0.009705965, 0.0002586552]
      ),
      (
        "LOGISTIC",
        [0.00020342699, 0.0031726826, 0.97068775, 0.99929035, 0.9324533, 0.2689414]
      ),
    ] as [(String, [Float])])
  func classifiesLinearly(transform: String, expected: [Float]) throws {
    let y = try run(
      "LinearClassifier", x,
      [
        .floats("coefficients", [0.5, -1, 2, 0.25, 1, 1.5, 0, 0.5, -0.5]),
        .floats("intercepts", [1, -2, 0.5]), .ints("classlabels_ints", [7, 8, 9]),
        .string("post_transform", transform),
      ], outputs: 2)
    #expect(y[0] == int64s(9, 7))
    #expect(try isClose(y[1], expected))
  }

  @Test func classifiesByOneScore() throws {
    let model: [Attribute] = [
      .floats("coefficients", [0.5, -1, 2]), .floats("intercepts", [1]),
    ]
    let two = try run(
      "LinearClassifier", x, model + [.strings("classlabels_strings", ["no", "yes"])], outputs: 2)
    #expect(two[0] == strings("no", "yes"))
    #expect(try isClose(two[1], [8.5, -8.5, -7.25, 7.25]))
    let one = try run(
      "LinearClassifier", x,
      model + [.ints("classlabels_ints", [5]), .string("post_transform", "LOGISTIC")], outputs: 2)
    #expect(one[0] == int64s(0, 5))
    #expect(try isClose(one[1], [0.00020342699, 0.99929035]))
    #expect(throws: OperatorError.self) {
      try run("LinearClassifier", x, model + [.ints("classlabels_ints", [1, 2, 3])])
    }
  }

  @Test func imputes() throws {
    let gaps = Tensor(shape: [2, 3], [1, .nan, 3, .nan, 5, .nan] as [Float])
    let y = try run(
      "Imputer", gaps,
      [.floats("imputed_value_floats", [10, 20, 30]), .float("replaced_value_float", .nan)])
    #expect(y == [Tensor(shape: [2, 3], [1, 20, 3, 10, 5, 30] as [Float])])
    let integers = Tensor(shape: [2, 2], [0, 1, 2, 0] as [Int64])
    #expect(
      try run("Imputer", integers, [.ints("imputed_value_int64s", [-1])])
        == [Tensor(shape: [2, 2], [-1, 1, 2, -1] as [Int64])])
    for bad: [Attribute] in [
      [], [.floats("imputed_value_floats", [1, 2])], [.ints("imputed_value_int64s", [1])],
    ] {
      #expect(throws: OperatorError.self) { try run("Imputer", gaps, bad) }
    }
    #expect(throws: OperatorError.self) {
      try run(
        "Imputer", Tensor(shape: [1], [0] as [Int32]), [.ints("imputed_value_int64s", [1 << 40])])
    }
  }

  @Test func encodesCategories() throws {
    let cats = Attribute.ints("cats_int64s", [1, 2, 3])
    let expected = Tensor(shape: [3, 3], [0, 0, 1, 1, 0, 0, 0, 0, 0] as [Float])
    #expect(try run("OneHotEncoder", int64s(3, 1, 7), [cats]) == [expected])
    let cut = Tensor(shape: [3], [3.9, 1, .nan] as [Float])
    #expect(try run("OneHotEncoder", cut, [cats]) == [expected])
    #expect(
      try run(
        "OneHotEncoder", Tensor(shape: [1, 2], ["b", "x"]), [.strings("cats_strings", ["a", "b"])])
        == [Tensor(shape: [1, 2, 2], [0, 1, 0, 0] as [Float])])
    #expect(throws: OperatorError.self) {
      try run("OneHotEncoder", int64s(7), [cats, .int("zeros", 0)])
    }
    #expect(throws: OperatorError.self) { try run("OneHotEncoder", int64s(7), []) }
    #expect(throws: OperatorError.self) { try run("OneHotEncoder", strings("a"), [cats]) }
  }

  @Test func joinsFeatures() throws {
    let a = Value.tensor(Tensor(shape: [2, 2], [1, 2, 3, 4] as [Float]))
    let b = Value.tensor(Tensor(shape: [2, 2], [5, 6, 7, 8] as [Float]))
    let y = try run("FeatureVectorizer", [a, b], [.ints("inputdimensions", [1, 3])])
    #expect(y[0]?.tensor == Tensor(shape: [2, 4], [1, 5, 6, 0, 3, 7, 8, 0] as [Float]))
    for bad in [[1], [1, -1], [.max, .max]] {
      #expect(throws: OperatorError.self) {
        try run("FeatureVectorizer", [a, b], [.ints("inputdimensions", bad)])
      }
    }
    #expect(throws: OperatorError.self) {
      try run("FeatureVectorizer", [a, .tensor(Tensor(shape: [1, 1], [1] as [Float]))], [])
    }
  }

  @Test func mapsCategories() throws {
    let cats: [Attribute] = [.strings("cats_strings", ["a", "b"]), .ints("cats_int64s", [5, 6])]
    #expect(try run("CategoryMapper", strings("b", "x"), cats) == [int64s(6, -1)])
    #expect(try run("CategoryMapper", int64s(5, 7), cats) == [strings("a", "_Unused")])
    #expect(throws: OperatorError.self) { try run("CategoryMapper", int64s(1), [cats[0]]) }
  }

  @Test func turnsRowsIntoMapsAndBack() throws {
    let keys = ["a", "b", "c"]
    let y = try run("ZipMap", [.tensor(x)], [.strings("classlabels_strings", keys)])
    guard case .sequence(let maps) = y[0] else {
      Issue.record("expected a sequence")
      return
    }
    #expect(maps.elements.count == 2)
    let back = try run(
      "DictVectorizer", [maps.elements[1]], [.strings("string_vocabulary", ["c", "x", "a"])])
    #expect(back[0]?.tensor == Tensor(shape: [3], [3, 0, 0.5] as [Float]))
    #expect(throws: OperatorError.self) {
      try run("DictVectorizer", [maps.elements[1]], [.ints("int64_vocabulary", [1])])
    }
    #expect(throws: OperatorError.self) {
      try run("ZipMap", [.tensor(x)], [.ints("classlabels_int64s", [1, 2])])
    }
    #expect(throws: OperatorError.self) { try run("ZipMap", [.tensor(x)], []) }
  }
}
