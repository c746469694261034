import ONNX
import OperatorLaws
import Testing

private func run(
  _ type: String, _ inputs: [Tensor?], _ attributes: [Attribute], outputs: Int = 1,
  domain: String? = "ai.onnx.ml", opset: Int = 5
) throws -> [Tensor?] {
  let node = Node(
    type, domain: domain, inputs: inputs.indices.map { "x\($0)" },
    outputs: (0..<outputs).map { "y\($0)" }, attributes: attributes)
  return try checkOperator(node, inputs, opset: opset)
}

private func isClose(_ a: Tensor?, _ b: [Float]) throws -> Bool {
  guard let values = try a?.array(as: Float.self), values.count == b.count else { return false }
  return zip(values, b).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($1)) }
}

@Suite struct ClassicTests {
  // MARK: labels and features

  @Test func extractsFeatures() throws {
    let x = counting([3, 4])
    #expect(
      try run("ArrayFeatureExtractor", [x, int64s(0, 1)], [], opset: 1)
        == [Tensor(shape: [3, 2], [0, 1, 4, 5, 8, 9] as [Float])])
    #expect(
      try run("ArrayFeatureExtractor", [counting([3]), int64s(2)], [], opset: 1)
        == [Tensor(shape: [1, 1], [2] as [Float])])
    #expect(throws: OperatorError.self) {
      try run("ArrayFeatureExtractor", [x, int64s(4)], [], opset: 1)
    }
  }

  @Test func binarizes() throws {
    let x = Tensor(shape: [4], [0.5, 1, 1.5, .nan] as [Float])
    #expect(
      try run("Binarizer", [x], [.float("threshold", 1)], opset: 1)
        == [Tensor(shape: [4], [0, 0, 1, 0] as [Float])])
    #expect(
      try run("Binarizer", [int64s(-1, 0, 7)], [], opset: 1) == [int64s(0, 0, 1)])
  }

  @Test func encodesLabels() throws {
    let words = Tensor(shape: [5], ["Dori", "Amy", "Amy", "Sally", "Sally"])
    let attributes: [Attribute] = [
      .strings("keys_strings", ["Amy", "Sally"]), .ints("values_int64s", [5, 6]),
    ]
    for opset in [2, 4] {
      #expect(
        try run("LabelEncoder", [words], attributes, opset: opset) == [int64s(-1, 5, 5, 6, 6)])
    }
    #expect(
      try run(
        "LabelEncoder", [Tensor(shape: [3], [.nan, 0, 2] as [Float])],
        [
          .floats("keys_floats", [-0.0, .nan]), .strings("values_strings", ["zero", "none"]),
        ]) == [Tensor(shape: [3], ["none", "zero", "_Unused"])])
    #expect(
      try run(
        "LabelEncoder", [Tensor(shape: [2], [1, 2] as [Int16])],
        [
          .tensor("keys_tensor", Tensor(shape: [1], [1] as [Int16])),
          .tensor("values_tensor", Tensor(shape: [1], [0.5])),
          .tensor("default_tensor", Tensor(shape: [1], [9.0])),
        ]) == [Tensor(shape: [2], [0.5, 9.0])])
    let classes = Attribute.strings("classes_strings", ["a", "b"])
    #expect(
      try run("LabelEncoder", [Tensor(shape: [2], ["b", "c"])], [classes], opset: 1)
        == [int64s(1, -1)])
    #expect(
      try run("LabelEncoder", [int64s(1, .min)], [classes], opset: 1)
        == [Tensor(shape: [2], ["b", "_Unused"])])
    for bad: [Attribute] in [
      [.strings("keys_strings", ["a"])],
      [.strings("keys_strings", ["a"]), .ints("values_int64s", [1, 2])],
      attributes + [.ints("keys_int64s", [1, 2])],
      attributes + [.tensor("default_tensor", Tensor("x"))],
    ] {
      #expect(throws: OperatorError.self) { try run("LabelEncoder", [words], bad) }
    }
    #expect(throws: OperatorError.self) { try run("LabelEncoder", [int64s(1)], attributes) }
  }

  // MARK: trees

  /// Two trees over two features; the second tests a missing feature.
  private let trees: [Attribute] = [
    .ints("nodes_treeids", [0, 0, 0, 1, 1, 1, 1, 1]),
    .ints("nodes_nodeids", [0, 1, 2, 0, 1, 2, 3, 4]),
    .ints("nodes_featureids", [0, 0, 0, 1, 0, 0, 0, 0]),
    .floats("nodes_values", [2, 0, 0, 3, 4, 0, 0, 0]),
    .strings(
      "nodes_modes",
      ["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LT", "BRANCH_GT", "LEAF", "LEAF", "LEAF"]),
    .ints("nodes_truenodeids", [1, 0, 0, 1, 3, 0, 0, 0]),
    .ints("nodes_falsenodeids", [2, 0, 0, 2, 4, 0, 0, 0]),
    .ints("nodes_missing_value_tracks_true", [0, 0, 0, 1, 0, 0, 0, 0]),
  ]
  private let rows = Tensor(shape: [3, 2], [1, 3, 5, 3, 5, .nan] as [Float])

  private func votes(_ prefix: String, _ ids: [Int], _ weights: [Float]) -> [Attribute] {
    [
      .ints(prefix + "_treeids", [0, 0, 0, 1, 1, 1, 1]),
      .ints(prefix + "_nodeids", [1, 2, 2, 2, 3, 4, 4]), .ints(prefix + "_ids", ids),
      .floats(prefix + "_weights", weights),
    ]
  }

  /// Numbers of the standard's reference evaluator.
  @Test(
    arguments: [
      ("SUM", [10.5, 19, 11.5, 21, 15.5, 22]), ("AVERAGE", [10.25, 19.5, 10.75, 20.5, 12.75, 21]),
      ("MIN", [10.5, 19, 11.5, 19, 11.5, 22]), ("MAX", [10.5, 19, 11.5, 22, 14, 22]),
    ] as [(String, [Float])])
  func regresses(aggregate: String, expected: [Float]) throws {
    let y = try run(
      "TreeEnsembleRegressor", [rows],
      trees + votes("target", [0, 0, 1, 1, 0, 0, 1], [0.5, 1.5, 2, -1, 4, 8, 0.25]) + [
        .int("n_targets", 2), .string("aggregate_function", aggregate),
        .floats("base_values", [10, 20]),
      ], opset: 3)
    #expect(try isClose(y[0], expected))
  }

  /// Numbers of the standard's reference evaluator.
  @Test(
    arguments: [
      ("NONE", [0.5, 0.5, 0, 0.25, 0.625, 0, 0.5, 0.125, 0]),
      (
        "SOFTMAX",
        [
          0.38365173, 0.38365173, 0.23269653, 0.30923447, 0.4499335, 0.24083203, 0.435954,
          0.29962653, 0.26441947,
        ]
      ),
      (
        "LOGISTIC",
        [
          0.62245935, 0.62245935, 0.5, 0.5621765, 0.65135485, 0.5, 0.62245935, 0.5312094, 0.5,
        ]
      ),
      ("SOFTMAX_ZERO", [0.5, 0.5, 0, 0.40733343, 0.5926666, 0, 0.5926666, 0.40733343, 0]),
      ("PROBIT", [0, 0, 0, -0.67457426, 0.3186507, 0, 0, -1.1505355, 0]),
    ] as [(String, [Float])])
  func classifies(transform: String, expected: [Float]) throws {
    let attributes =
      trees + votes("class", [0, 0, 1, 1, 0, 2, 1], [0.5, 0.25, 0.125, 0.5, 0.25, 0, 0.25]) + [
        .string("post_transform", transform)
      ]
    let y = try run(
      "TreeEnsembleClassifier", [rows], attributes + [.ints("classlabels_int64s", [7, 8, 9])],
      outputs: 2, opset: 1)
    #expect(try isClose(y[1], expected))
    if transform != "PROBIT" { #expect(y[0] == int64s(7, 8, 7)) }
    let names = try run(
      "TreeEnsembleClassifier", [rows],
      attributes + [.strings("classlabels_strings", ["a", "b", "c"])], outputs: 2, opset: 3)
    if transform != "PROBIT" { #expect(names[0] == Tensor(shape: [3], ["a", "b", "a"])) }
  }

  @Test(
    arguments: [
      ("NONE", [0, 1, 0.125, 0.875, 0.375, 0.625]),
      ("LOGISTIC", [0.26894143, 0.7310586, 0.29421496, 0.705785, 0.34864512, 0.65135485]),
    ] as [(String, [Float])])
  func classifiesByTheVotesForOneClass(transform: String, expected: [Float]) throws {
    let y = try run(
      "TreeEnsembleClassifier", [rows],
      trees
        + votes("class", Array(repeating: 0, count: 7), [0.5, 0.25, 0.125, 0.5, 0.25, 0, 0.25])
        + [.string("post_transform", transform), .ints("classlabels_int64s", [3, 4])],
      outputs: 2, opset: 3)
    #expect(y[0] == int64s(4, 4, 4))
    #expect(try isClose(y[1], expected))
  }

  /// The standard's example.
  private let ensemble: [Attribute] = [
    .int("n_targets", 2), .ints("tree_roots", [0]),
    .tensor("nodes_modes", Tensor(shape: [3], [0, 0, 0] as [UInt8])),
    .ints("nodes_featureids", [0, 0, 0]),
    .tensor("nodes_splits", Tensor(shape: [3], [3.14, 1.2, 4.2])),
    .ints("nodes_truenodeids", [1, 0, 1]), .ints("nodes_trueleafs", [0, 1, 1]),
    .ints("nodes_falsenodeids", [2, 2, 3]), .ints("nodes_falseleafs", [0, 1, 1]),
    .ints("leaf_targetids", [0, 1, 0, 1]),
    .tensor("leaf_weights", Tensor(shape: [4], [5.23, 12.12, -12.23, 7.21])),
  ]

  @Test func sumsUpTheLeavesOfTrees() throws {
    let x = Tensor(shape: [3, 2], [1.2, 3.4, -0.12, 1.66, 4.14, 1.77])
    #expect(
      try run("TreeEnsemble", [x], ensemble)
        == [Tensor(shape: [3, 2], [5.23, 0, 5.23, 0, 0, 12.12])])
  }

  @Test(
    arguments: [
      .ints("nodes_truenodeids", [1, 0, 4]), .ints("nodes_falsenodeids", [0, 2, 3]),
      .ints("nodes_truenodeids", [1, 0, .min]), .ints("nodes_featureids", [0, -1, 0]),
      .ints("nodes_featureids", [0, .max, 0]), .ints("nodes_featureids", [0, 2, 0]),
      .ints("leaf_targetids", [0, 1, 2, 1]), .ints("tree_roots", [3]), .int("n_targets", .max),
      .tensor("nodes_modes", Tensor(shape: [3], [0, 6, 0] as [UInt8])),
      .tensor("nodes_modes", Tensor(shape: [3], [0, 9, 0] as [UInt8])),
      .int("post_transform", 5), .int("aggregate_function", -1),
    ] as [Attribute])
  func refusesBadTrees(bad: Attribute) {
    let attributes = ensemble.filter { $0.name != bad.name } + [bad]
    #expect(throws: OperatorError.self) {
      try run("TreeEnsemble", [Tensor(shape: [1, 2], [1.2, 3.4])], attributes)
    }
  }

  // MARK: n-grams

  private func grams(
    _ x: Tensor, _ mode: String, skips: Int, least: Int = 2, weights: [Float]? = nil
  ) throws -> Tensor? {
    try run(
      "TfIdfVectorizer", [x],
      [
        .string("mode", mode), .int("min_gram_length", least), .int("max_gram_length", 2),
        .int("max_skip_count", skips), .ints("ngram_counts", [0, 4]),
        .ints("ngram_indexes", [0, 1, 2, 3, 4, 5, 6]),
        .ints("pool_int64s", [2, 3, 5, 4, 5, 6, 7, 8, 6, 7]),
      ] + (weights.map { [.floats("weights", $0)] } ?? []), domain: nil, opset: 9)[0]
  }

  /// The standard's examples.
  @Test func countsNGrams() throws {
    let x = Tensor(shape: [12], [1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8] as [Int32])
    #expect(try isClose(grams(x, "TF", skips: 0), [0, 0, 0, 0, 1, 1, 1]))
    #expect(try isClose(grams(x, "TF", skips: 5), [0, 0, 0, 0, 1, 3, 1]))
    #expect(try isClose(grams(x, "TF", skips: 5, least: 1), [0, 3, 1, 0, 1, 3, 1]))
    #expect(try isClose(grams(x, "IDF", skips: 5), [0, 0, 0, 0, 1, 1, 1]))
    #expect(
      try isClose(
        grams(x, "TFIDF", skips: .max, weights: [1, 1, 1, 1, 2, 3, 4]), [0, 0, 0, 0, 2, 9, 4]))
    let rows = Tensor(shape: [2, 6], [1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8] as [Int64])
    #expect(
      try isClose(
        grams(rows, "TF", skips: 5), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]))
  }

  @Test func refusesBadPools() {
    let good: [Attribute] = [
      .string("mode", "TF"), .int("min_gram_length", 1), .int("max_gram_length", 1),
      .int("max_skip_count", 0), .ints("ngram_counts", [0]), .ints("ngram_indexes", [0, 1]),
      .strings("pool_strings", ["a", "b"]),
    ]
    let x = Tensor(shape: [1], ["b"])
    #expect(throws: Never.self) {
      try run("TfIdfVectorizer", [x], good, domain: nil, opset: 9)
    }
    for bad: Attribute in [
      .ints("ngram_counts", [-1]), .ints("ngram_counts", [0, 1]), .ints("ngram_counts", [.max]),
      .ints("ngram_indexes", [0]), .ints("ngram_indexes", [0, .max]),
      .ints("ngram_indexes", [0, -1]), .int("min_gram_length", 0), .int("max_skip_count", .min),
      .string("mode", "XF"), .floats("weights", [1]),
    ] {
      #expect(throws: OperatorError.self, "\(bad)") {
        try run(
          "TfIdfVectorizer", [x], good.filter { $0.name != bad.name } + [bad], domain: nil,
          opset: 9)
      }
    }
  }

  // MARK: boxes and grids

  /// The standard's examples.
  @Test func suppressesOverlappingBoxes() throws {
    let boxes = Tensor(
      shape: [1, 6, 4],
      [
        0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100, 1,
        101,
      ] as [Float])
    let scores = Tensor(shape: [1, 1, 6], [0.9, 0.75, 0.6, 0.95, 0.5, 0.3] as [Float])
    func select(_ limit: Int64, _ threshold: Float) throws -> Tensor? {
      try run(
        "NonMaxSuppression",
        [boxes, scores, int64s(limit), Tensor(0.5 as Float), Tensor(threshold)], [], domain: nil,
        opset: 11)[0]
    }
    #expect(
      try select(3, 0) == Tensor(shape: [3, 3], [0, 0, 3, 0, 0, 0, 0, 0, 5] as [Int64]))
    #expect(try select(2, 0) == Tensor(shape: [2, 3], [0, 0, 3, 0, 0, 0] as [Int64]))
    #expect(try select(3, 0.4) == Tensor(shape: [2, 3], [0, 0, 3, 0, 0, 0] as [Int64]))
    #expect(try select(.min, 0)?.shape == [0, 3])
    #expect(throws: OperatorError.self) {
      try run("NonMaxSuppression", [boxes, counting([1, 1, 5])], [], domain: nil, opset: 11)
    }
  }

  @Test func drawsAffineGrids() throws {
    let theta = Tensor(shape: [1, 2, 3], [1, 0, 0, 0, 1, 0.5] as [Float])
    func grid(_ size: Tensor, _ aligned: Int) throws -> Tensor? {
      try run(
        "AffineGrid", [theta, size], [.int("align_corners", aligned)], domain: nil, opset: 20)[0]
    }
    #expect(
      try isClose(grid(int64s(1, 1, 2, 2), 0), [-0.5, 0, 0.5, 0, -0.5, 1, 0.5, 1]))
    #expect(
      try isClose(grid(int64s(1, 1, 2, 2), 1), [-1, -0.5, 1, -0.5, -1, 1.5, 1, 1.5]))
    #expect(throws: OperatorError.self) { try grid(int64s(1, 1, 2, -2), 0) }
    #expect(throws: OperatorError.self) { try grid(int64s(2, 1, 2, 2), 0) }
    #expect(throws: OperatorError.self) { try grid(int64s(1, 1, 2, 2, 2), 0) }
  }
}
