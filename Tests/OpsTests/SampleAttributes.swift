import ONNX

/// Sample attributes of operator versions, for tests of the attributes that operators read.
enum SampleAttributes {
  /// Values of attributes without a default, by operator and version, by operator, or by name, in
  /// the notation of `SchemaHistory.txt`. All others are 1, [1], "" or ["a"].
  private static let values: [String: String] = [
    "Cast1.to": "FLOAT", "BitShift.direction": "LEFT", "GRU.activations": "Sigmoid/Tanh",
    "LSTM.activations": "Sigmoid/Tanh/Tanh", "RNN.activations": "Tanh", "Momentum.mode": "standard",
    "activation_alpha": "0.5", "activation_beta": "0.5", "axes": "0", "axis": "0",
    "blocksize": "2", "consumed_inputs": "0", "ignore_index": "0", "equation": "ij->ji",
    "locale": "en_US", "output_padding": "0", "paddings": "0/0", "pads": "0/0", "perm": "0",
    "pattern": "a", "pooled_shape": "1/1", "size": "3", "starts": "0", "RNN1.direction": "forward",
    "GRU1.direction": "forward", "LSTM1.direction": "forward",
  ]

  /// A valid value of an attribute; `nil` for a graph or type.
  static func sample(_ rule: SchemaVersion.Rule, _ schema: SchemaVersion) -> Attribute? {
    let text =
      values["\(schema.name)\(schema.version).\(rule.name)"]
      ?? values["\(schema.name).\(rule.name)"] ?? rule.standard ?? values[rule.name]
    let words = text?.split(separator: "/").map(String.init) ?? []
    switch rule.type {
    case "int": return .int(rule.name, text.flatMap { Int($0) } ?? 1)
    case "ints": return .ints(rule.name, text == nil ? [1] : words.compactMap { Int($0) })
    case "float": return .float(rule.name, text.flatMap { Float($0) } ?? 1)
    case "floats": return .floats(rule.name, text == nil ? [1] : words.compactMap { Float($0) })
    case "string": return .string(rule.name, text ?? "")
    case "strings": return .strings(rule.name, text == nil ? ["a"] : words)
    case "tensor": return .tensor(rule.name, Tensor(shape: [1], [1] as [Float]))
    default: return nil
    }
  }

  /// The alternative sets of attributes that a version requires; none if one of them is a graph.
  static func bases(_ schema: SchemaVersion) -> [[Attribute]] {
    if let own = families[schema.name] {
      return own.filter { base in
        base.allSatisfy { attribute in
          schema.attributes.contains { $0.name == attribute.name }
        }
      }
    }
    var attributes: [Attribute] = []
    for rule in schema.attributes where rule.isRequired {
      guard let attribute = sample(rule, schema) else { return [] }
      attributes.append(attribute)
    }
    return [attributes]
  }

  /// Attributes that are only valid together.
  private static let families: [String: [[Attribute]]] = [
    "Reshape": [[], [.ints("shape", [1])]],
    "RandomNormalLike": [[.int("dtype", 1)]],
    "RandomUniformLike": [[.int("dtype", 1)]],
    "CategoryMapper": [[.strings("cats_strings", ["a"]), .ints("cats_int64s", [1])]],
    "Imputer": [[.floats("imputed_value_floats", [1])], [.ints("imputed_value_int64s", [1])]],
    "LinearRegressor": [[.floats("coefficients", [1])]],
    "OneHotEncoder": [[.ints("cats_int64s", [1])], [.strings("cats_strings", ["a"])]],
    "LabelEncoder": [
      [.strings("classes_strings", ["a"])],
      [.floats("keys_floats", [1]), .ints("values_int64s", [1])],
      [.ints("keys_int64s", [1]), .strings("values_strings", ["a"])],
      [.strings("keys_strings", ["a"]), .floats("values_floats", [1])],
    ]
      + [
        one, Tensor(shape: [1], [1] as [Double]), Tensor(shape: [1], [1] as [Int16]),
        Tensor(shape: [1], [1] as [Int32]),
      ].map { [.tensor("keys_tensor", $0), .tensor("values_tensor", one)] },
    "TfIdfVectorizer": [
      grams + [.ints("pool_int64s", [1])], grams + [.strings("pool_strings", ["a"])],
    ],
    "SVMRegressor": [
      [.floats("coefficients", [1]), .floats("rho", [0])],
      [
        .floats("coefficients", [1]), .floats("rho", [0]), .int("n_supports", 1),
        .floats("support_vectors", [1]), .floats("kernel_params", [1, 1, 1]),
      ],
    ],
    "SVMClassifier": [
      [.strings("classlabels_strings", ["a"]), .floats("coefficients", [1]), .floats("rho", [0])],
      [
        .ints("classlabels_ints", [1, 2]), .floats("coefficients", [1, 1]), .floats("rho", [0]),
        .floats("support_vectors", [1, 2]), .ints("vectors_per_class", [1, 1]),
        .floats("kernel_params", [1, 1, 1]), .floats("prob_a", [1]), .floats("prob_b", [1]),
      ],
    ],
    "TreeEnsembleRegressor": [
      tree + [.floats("nodes_values", [0])] + targets + [.floats("target_weights", [1])],
      tree + [.tensor("nodes_values_as_tensor", one)] + targets
        + [.tensor("target_weights_as_tensor", one)],
    ],
    "TreeEnsembleClassifier": [
      tree + [.floats("nodes_values", [0]), .ints("classlabels_int64s", [1])] + classes
        + [.floats("class_weights", [1])],
      tree + [.floats("nodes_values", [0]), .strings("classlabels_strings", ["a", "b"])] + classes
        + [.floats("class_weights", [1])],
      tree + [.tensor("nodes_values_as_tensor", one), .ints("classlabels_int64s", [1])] + classes
        + [.tensor("class_weights_as_tensor", one)],
    ],
    "TreeEnsemble": [
      [
        .int("n_targets", 1), .ints("tree_roots", [0]), .ints("nodes_featureids", [0]),
        .ints("nodes_truenodeids", [0]), .ints("nodes_falsenodeids", [1]),
        .ints("nodes_trueleafs", [1]), .ints("nodes_falseleafs", [1]),
        .tensor("nodes_modes", Tensor(shape: [1], [0] as [UInt8])), .tensor("nodes_splits", one),
        .ints("leaf_targetids", [0, 0]),
        .tensor("leaf_weights", Tensor(shape: [2], [1, 2] as [Float])),
      ]
    ],
  ]

  private static let one = Tensor(shape: [1], [1] as [Float])
  private static let grams: [Attribute] = [
    .string("mode", "TF"), .ints("ngram_counts", [0]), .ints("ngram_indexes", [0]),
    .int("min_gram_length", 1), .int("max_gram_length", 1), .int("max_skip_count", 0),
  ]
  private static let tree: [Attribute] = [
    .ints("nodes_treeids", [0]), .ints("nodes_nodeids", [0]), .ints("nodes_featureids", [0]),
    .strings("nodes_modes", ["LEAF"]), .ints("nodes_truenodeids", [0]),
    .ints("nodes_falsenodeids", [0]),
  ]
  private static let targets: [Attribute] = [
    .ints("target_treeids", [0]), .ints("target_nodeids", [0]), .ints("target_ids", [0]),
    .int("n_targets", 1),
  ]
  private static let classes: [Attribute] = [
    .ints("class_treeids", [0]), .ints("class_nodeids", [0]), .ints("class_ids", [0]),
  ]
}
