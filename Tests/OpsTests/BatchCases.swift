import ONNX

extension BatchCase {
  // MARK: Convolutions

  /// Every algorithm: sizes choose it.
  static let convolutions: [BatchCase] =
    [
      conv("columns", [8, 4, 4], [12, 8, 3, 3]),
      conv("one window", [6, 5, 5], [20, 6, 5, 5]),
      conv("one window of large weights", [33, 6, 6], [900, 33, 6, 6]),
      conv("by channel", [16, 12, 13], [16, 1, 3, 3], [.int("group", 16), pads]),
      conv(
        "by channel, strides", [16, 12, 13], [16, 1, 3, 3],
        [.int("group", 16), .ints("strides", [2, 2]), pads]),
      conv("by channel, large kernel", [8, 12, 13], [8, 1, 5, 5], [.int("group", 8)]),
      conv("one channel", [1, 20, 20], [2, 1, 3, 3]),
      conv("in place", [5, 14, 15], [9, 5, 3, 3], [pads]),
      conv("in place, deep", [80, 8, 9], [8, 80, 3, 3]),
      conv("panels", [40, 9, 9], [50, 40, 1, 1]),
      conv("panels, deep", [300, 4, 5], [33, 300, 1, 1]),
      conv("panels, strides", [20, 15, 15], [40, 20, 3, 3], [.ints("strides", [2, 2]), pads]),
      conv("groups", [12, 10, 10], [18, 4, 3, 3], [.int("group", 3)]),
      conv("dilations", [6, 12, 12], [20, 6, 3, 3], [.ints("dilations", [2, 3])]),
      conv("of one axis", [10, 50], [20, 10, 5]),
      conv("of three axes", [4, 6, 7, 8], [9, 4, 3, 3, 3]),
      BatchCase(
        "transposed", "ConvTranspose", [6, 7, 8], [[6, 5, 3, 3], [5]], [.ints("strides", [2, 2])]),
      BatchCase("transposed, of single places", "ConvTranspose", [6, 7, 8], [[6, 9, 1, 1]]),
      BatchCase("transposed, of one window", "ConvTranspose", [60, 1, 1], [[60, 9, 4, 4]]),
    ]
    + [.exact, .winograd(size: 2), .winograd(size: 4), .winograd(size: 6)].map { algorithm in
      conv("\(algorithm)", [20, 13, 14], [24, 20, 3, 3], [pads]).with {
        $0.convolution = algorithm
      }
    }

  private static let pads = Attribute.ints("pads", [1, 1, 1, 1])

  private static func conv(
    _ title: String, _ x: [Int], _ w: [Int], _ attributes: [Attribute] = []
  ) -> BatchCase { BatchCase(title, "Conv", x, [w, [w[0]]], attributes) }

  // MARK: Recurrent layers

  /// Layers over six steps, of the output after every step.
  static func recurrent(_ name: String, hidden: Int) -> [BatchCase] {
    let gates = ["RNN": 1, "GRU": 3, "LSTM": 4][name] ?? 1
    func layer(
      _ title: String, input: Int = 3, directions: Int = 1, _ attributes: [Attribute] = []
    ) -> BatchCase {
      BatchCase(
        "\(name) of \(hidden) units\(title)", name,
        shapes: [
          [6, count, input], [directions, gates * hidden, input],
          [directions, gates * hidden, hidden], [directions, 2 * gates * hidden],
        ], axes: [1, nil, nil, nil], [.int("hidden_size", hidden)] + attributes
      ).with {
        $0.outputAxis = 2
        $0.stepAxis = 0
      }
    }
    var cases = [layer(""), layer(", wide input", input: 270)]
    if name == "GRU" {
      cases.append(layer(", linear", [.int("linear_before_reset", 1)]))
    }
    if hidden > 100 { return cases }
    return cases + [
      layer(", both directions", directions: 2, [.string("direction", "bidirectional")]),
      layer(", clipped", [.float("clip", 0.8)]),
      layer(", float64").with { $0.type = .float64 },
      layer(", weights unknown").with { $0.isConstant = false },
    ]
  }

  /// The layer with a length of its own for each sequence.
  func withLengths() -> BatchCase {
    var copy = BatchCase(
      title + ", lengths", node.operatorType, shapes: shapes + [[Self.count]], axes: axes + [0],
      node.attributes)
    (copy.outputAxis, copy.type, copy.isConstant) = (outputAxis, type, isConstant)
    copy.contents[4] = Tensor(
      shape: [Self.count], (0..<Self.count).map { Int32(1 + $0 * 5 % 6) })
    return copy
  }

  // MARK: Others

  static let others = normalizations + reductions + elementwise + windows

  private static let normalizations: [BatchCase] = [
    BatchCase("", "BatchNormalization", [8, 37], [[8], [8], [8], [8]]).with {
      $0.contents[4] = float32([8], ramp(8, from: 0.5))
    },
    BatchCase("", "InstanceNormalization", [3, 37], [[3], [3]]),
    BatchCase("", "GroupNormalization", [4, 37], [[4], [4]], [.int("num_groups", 2)]),
    BatchCase("", "LayerNormalization", [3, 130], [[130], [130]]),
    BatchCase("", "RMSNormalization", [3, 130], [[130]]),
    BatchCase("", "LRN", [8, 5, 7], [], [.int("size", 5)]),
    BatchCase("", "LpNormalization", [7, 13], [], [.int("axis", 1)]),
    BatchCase("", "MeanVarianceNormalization", [7, 13], [], [.ints("axes", [1, 2])]),
    BatchCase("rows", "Softmax", [3, 130]),
    BatchCase("columns", "Softmax", [7, 70], [], [.int("axis", 1)]),
    BatchCase("rows", "LogSoftmax", [3, 1000]),
    BatchCase("columns", "LogSoftmax", [7, 70], [], [.int("axis", 1)]),
    .ofSamples("of heads", "Attention", [[2, 5, 16], [2, 70, 16], [2, 70, 24]]),
    .ofSamples(
      "causal", "Attention", [[30, 32], [30, 32], [30, 32]],
      [.int("is_causal", 1), .int("q_num_heads", 4), .int("kv_num_heads", 4)]),
  ].flatMap { test in [test.named(), test.named(.float64), test.named(.float16)] }

  private static let reductions: [BatchCase] = [
    "ReduceSum", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp",
    "ReduceMax",
  ].flatMap { name in
    [
      reduction(name, [7, 130], [1]), reduction(name, [7, 130], [2]),
      reduction(name, [600, 33], [1]), reduction(name, [5, 70], [0, 2], samples: 1),
      reduction(name, [5, 70], [0], samples: 1),
    ] + (name == "ReduceSum" ? [[140_000], [2000, 150]].map { reduction(name, $0, [1]) } : [])
      + [reduction(name, [9, 40], [2]).named(.float16)]
  }

  private static func reduction(
    _ name: String, _ shape: [Int], _ axes: [Int], samples: Int = 0
  ) -> BatchCase {
    BatchCase("\(name), \(shape) over \(axes)", name, shape, [[axes.count]], axis: samples).with {
      $0.contents[1] = Tensor(shape: [axes.count], axes.map { Int64($0) })
    }
  }

  private static let elementwise: [BatchCase] = [
    "Exp", "Log", "Tanh", "Sigmoid", "Erf", "Gelu", "Softplus", "Sin", "Cos", "Tan", "Mish", "Elu",
    "HardSwish", "Sqrt", "Reciprocal", "Atan", "Sinh",
  ].map { name in BatchCase("", name, [37]).with { $0.scale = 4 }.named() }

  private static let windows: [BatchCase] =
    ["MaxPool", "AveragePool", "LpPool"].map {
      BatchCase("", $0, [3, 9, 11], [], [.ints("kernel_shape", [3, 2])]).named()
    }
    + ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"].map {
      BatchCase("", $0, [3, 9, 11]).named()
    } + [
      BatchCase("", "Resize", [2, 5, 6], [[], [4]], [.string("mode", "linear")]).named().with {
        $0.contents[2] = float32([4], [1, 1, 2, 1.5])
      },
      .ofSamples("GridSample", "GridSample", [[2, 5, 6], [4, 4, 2]]),
      BatchCase("DFT", "DFT", [60, 1]),
      BatchCase("CumSum", "CumSum", [7, 33], [[1]]).with {
        $0.contents[1] = Tensor(shape: [1], [1 as Int64])
      },
      BatchCase("MatMulInteger", "MatMulInteger", [300], [[300, 33]]).with {
        $0.contents = [0: bytes([count, 300]), 1: bytes([300, 33])]
      },
      BatchCase("ConvInteger", "ConvInteger", [5, 9, 9], [[20, 5, 3, 3]]).with {
        $0.contents = [0: bytes([count, 5, 9, 9]), 1: bytes([20, 5, 3, 3])]
      },
    ]

  private static func bytes(_ shape: [Int]) -> Tensor {
    Tensor(shape: shape, noise(shape.reduce(1, *)).map { UInt8(128 + $0 * 127) })
  }

  private func named(_ type: ElementType = .float32) -> BatchCase {
    with {
      $0.type = type
      $0.title = [node.operatorType, title, type == .float32 ? "" : "\(type)"]
        .filter { !$0.isEmpty }.joined(separator: ", ")
    }
  }
}
