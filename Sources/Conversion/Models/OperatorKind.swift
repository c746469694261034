import ONNX

/// The kinds of boxes of a drawing, each with a colour of its own.
enum OperatorKind: Int, CaseIterable {
  case value, product, recurrent, attention, activation, normalization, pool, arithmetic, shape
  case quantization, control, other

  /// The name in the legend.
  var name: String {
    switch self {
    case .value: "input, output"
    case .product: "convolution, product"
    case .recurrent: "recurrent layer"
    case .attention: "attention"
    case .activation: "activation"
    case .normalization: "normalization"
    case .pool: "pool, reduction"
    case .arithmetic: "arithmetic"
    case .shape: "shape, selection"
    case .quantization: "quantization"
    case .control: "control flow"
    case .other: "other"
    }
  }

  var fill: String {
    switch self {
    case .value: "#d8eed8"
    case .product: "#cbdff6"
    case .recurrent: "#dccff2"
    case .attention: "#f4cce4"
    case .activation: "#fbd2c8"
    case .normalization: "#c6e9e6"
    case .pool: "#dfecb6"
    case .arithmetic: "#fdf0ba"
    case .shape: "#e6e8ec"
    case .quantization: "#f9d9ae"
    case .control: "#e4d3bd"
    case .other: "#f7f7f7"
    }
  }

  /// The kind of a node, by the name of its operator.
  init(_ node: Node) {
    let name = node.operatorType
    func has(_ parts: [String]) -> Bool { parts.contains { name.contains($0) } }
    func ends(_ ends: [String]) -> Bool { ends.contains { name.hasSuffix($0) } }
    self =
      if node.hasSubgraph {
        .control
      } else if name.contains("Attention") {
        .attention
      } else if ends(["LSTM", "GRU", "RNN"]) {
        .recurrent
      } else if name == "LRN" || name.contains("Norm") {
        .normalization
      } else if ends(["QuantizeLinear", "DequantizeLinear"]) {
        .quantization
      } else if has(["Conv", "MatMul", "Gemm", "Einsum", "MoE", "LinearClassifier"]) {
        .product
      } else if ends(Self.activations) {
        .activation
      } else if has(["Pool", "Reduce", "ArgM", "TopK", "CumSum"]) {
        .pool
      } else if has(Self.shapes) {
        .shape
      } else if Self.arithmetics.contains(name.hasPrefix("QLinear") ? "\(name.dropFirst(7))" : name)
      {
        .arithmetic
      } else {
        .other
      }
  }

  private static let activations = [
    "Relu", "elu", "Elu", "Sigmoid", "Tanh", "Softmax", "Hardmax", "Softplus", "Softsign", "wish",
    "Mish", "Shrink", "Clip", "Erf", "SiLU", "Dropout",
  ]
  private static let shapes = [
    "Shape", "shape", "Transpose", "Concat", "Slice", "Gather", "queeze", "Flatten", "Split",
    "Expand", "Pad", "Tile", "Size", "Identity", "Cast", "Resize", "Upsample", "Scatter", "ToSpace",
    "ToDepth", "Range", "Compress", "Sequence", "Embed", "NonZero", "OneHot", "Trilu", "Constant",
  ]
  private static let arithmetics: Set = [
    "Abs", "Add", "And", "Ceil", "Cos", "Div", "Equal", "Exp", "Floor", "Greater",
    "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Log", "Max", "Mean", "Min", "Mod",
    "Mul", "Neg", "Not", "Or", "Pow", "Reciprocal", "Round", "Sign", "Sin", "Sqrt", "Sub", "Sum",
    "Where", "Xor",
  ]
}
