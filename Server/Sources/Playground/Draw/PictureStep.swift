import ONNX
import ONNXExplain

/// A step of a model that takes a picture: what a node computes, with all that its arithmetic
/// needs.
struct PictureStep: Encodable, Sendable {
  /// What the page can say about the arithmetic of a step.
  enum Kind: String, Encodable, Sendable {
    case picture, convolution, maximum, average, dense, activation, affine, sum, softmax, reshape
    case other
  }

  /// The windows of a convolution or pool: rows first, then columns.
  struct Window: Encodable, Sendable {
    var kernel: [Int]
    var stride: [Int]
    var dilation: [Int]
    /// The cells before the input's first row and column.
    var before: [Int]
    /// The cells after the input's last row and column.
    var after: [Int]
    /// Whether a mean counts the cells around the input, as zeros.
    var countsPadding = false
    /// The groups of channels of a convolution.
    var groups = 1
  }

  /// The name of the node or of its output.
  let name: String
  /// ONNX's operator.
  let operatorType: String
  /// The name of the value that the step computes.
  let output: String
  /// The shape of the value for one picture: `[C, H, W]` or `[N]`.
  let shape: [Int]
  /// The steps whose values it reads.
  let inputs: [Int]
  var kind = Kind.other
  var window: Window?
  /// `[outputs, inputs / groups, rows, columns]` of a convolution, `[outputs, inputs]` of a dense
  /// layer.
  var weights: Values?
  /// A number for each output channel or unit.
  var bias: Values?
  /// The factor and the addend of each channel of an affine step.
  var factors: Values?
  var addends: Values?
  /// The parameters of an activation, in the order of the standard's attributes.
  var parameters: [Float] = []
  /// Whether the page added the step: the model ends with the scores.
  var isAdded = false

  /// The number of elements of the value.
  var count: Int { shape.reduce(1, *) }

  private enum CodingKeys: String, CodingKey {
    case name, output, shape, inputs, kind, window, weights, bias, factors, addends, parameters
    case operatorType = "operator"
    case isAdded = "added"
  }
}

extension Node {
  func integer(_ name: String, default value: Int) -> Int {
    if case .int(let found)? = attribute(name)?.value { Int(found) } else { value }
  }

  func float(_ name: String, default value: Float) -> Float {
    if case .float(let found)? = attribute(name)?.value { found } else { value }
  }

  func integers(_ name: String) -> [Int]? {
    if case .ints(let found)? = attribute(name)?.value { found.map { Int($0) } } else { nil }
  }

  /// Whether the node is of the standard's main domain.
  var isStandard: Bool { (domain ?? "").isEmpty || domain == "ai.onnx" }
}
