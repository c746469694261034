import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// The sizes of a model's convolutions, pools and fully connected layers.
public struct LayerSizes: Sendable {
  /// A convolution, a pool or a fully connected layer.
  public struct Layer: Sendable {
    /// The name of the node or of its first output.
    public let name: String
    /// ONNX's operator.
    public let operatorType: String
    /// The shape of the input.
    public let input: [Int]
    /// The shape of the output.
    public let output: [Int]
    /// The windows along each axis; none for a fully connected layer or a global pool.
    public let windows: [WindowAxis]
    /// Whether the layer is a pool.
    public let isPool: Bool
    /// The part of the model's input that an element depends on along each axis; `nil` for the whole.
    public let field: [ReceptiveAxis]?
    /// The number of weights and biases.
    public let parameters: Int
    /// The number of weights and biases if every window had its own; `nil` for layers other than
    /// convolutions, or where it exceeds 2⁵⁶.
    public let unshared: Int?
    /// The number of weights and biases of a fully connected layer with the same input and output;
    /// `nil` for pools, or where it exceeds 2⁵⁶.
    public let dense: Int?
  }

  /// The layers in the order of the graph, without those whose sizes are unknown. Layers in the
  /// branches and bodies of `If`, `Loop` and `Scan` are not included.
  public private(set) var layers: [Layer] = []
  private let graph: Graph
  private let types: [String: ValueType]
  private let constants: Set<String>
  /// The receptive field of each value that depends on a part of the input only.
  private var fields: [String: [ReceptiveAxis]] = [:]
  /// The values that depend on the whole input.
  private var wholes: Set<String> = []

  /// The sizes of the layers of a model.
  /// - Parameters:
  ///   - model: the model
  ///   - types: the types of the model's values by name, as `Session.types(shapes:)` returns them without
  ///     passes
  public init(_ model: Model, types: [String: ValueType]) {
    graph = model.graph
    self.types = types
    var constants = Set(graph.initializers.compactMap(\.name))
    // Weights may come through nodes such as DequantizeLinear and Identity.
    for node in graph.nodes
    where !node.hasSubgraph && node.inputs.allSatisfy({ $0.isEmpty || constants.contains($0) }) {
      constants.formUnion(node.outputs)
    }
    self.constants = constants
    for input in graph.inputs where !constants.contains(input.name) {
      let rank = types[input.name]?.tensorType?.shape?.rank ?? 0
      if rank > 2 {
        fields[input.name] = Array(repeating: .input, count: rank - 2)
      } else {
        wholes.insert(input.name)
      }
    }
    for node in graph.nodes { add(node) }
  }

  private func sizes(_ name: String?) -> [Int]? {
    name.flatMap { types[$0] }?.tensorType?.shape?.sizes
  }

  private mutating func add(_ node: Node) {
    guard let output = node.outputs.first, !constants.contains(output) else { return }
    let source = node.inputs.first ?? ""
    let windows = LayerWindows(node)?.axes(
      input: sizes(source), output: sizes(output), weight: sizes(node.weightName))
    if let windows, let field = fields[source], field.count == windows.count {
      fields[output] = zip(field, windows).map { $0.after($1) }
    } else if windows == nil, let field = localField(node) {
      for name in node.outputs { fields[name] = field }
    } else {
      wholes.formUnion(node.outputs)
    }
    if let windows { append(node, windows) }
    if windows == nil, node.isFullyConnected || node.operatorType.hasPrefix("Global") {
      append(node, [])
    }
  }

  /// The field of an operator whose elements depend on the elements of its inputs at the same place.
  private func localField(_ node: Node) -> [ReceptiveAxis]? {
    if ["Concat", "Split"].contains(node.operatorType) {
      guard case .int(1)? = node.attribute("axis")?.value else { return nil }
    } else if !Node.pointwise.contains(node.operatorType) {
      return nil
    }
    var result: [ReceptiveAxis]?
    for name in node.inputs where !name.isEmpty && !constants.contains(name) {
      if wholes.contains(name) { return nil }
      guard let field = fields[name] else { return nil }
      guard let found = result else {
        result = field
        continue
      }
      guard found.count == field.count else { return nil }
      result = zip(found, field).map { $0.union($1) }
    }
    return result
  }

  private mutating func append(_ node: Node, _ windows: [WindowAxis]) {
    guard let input = sizes(node.inputs.first), let output = sizes(node.outputs.first) else {
      return
    }
    let names = [node.weightName, node.biasName].compactMap { $0 }
    if node.isFullyConnected, !names.contains(where: constants.contains) { return }
    let counts = names.map { sizes($0)?.elementCount }
    guard let weights = counts.first ?? 0 else { return }
    let biases = counts.count > 1 ? counts[1] ?? 0 : 0
    let isPool = names.isEmpty
    var (unshared, dense): (Int?, Int?)
    if !isPool, !windows.isEmpty, input.count > 2 {
      let (ins, outs) = (input.dropFirst(), output.dropFirst())
      let products = [ins.elementCount, outs.elementCount].compactMap { $0 }
      dense = sum(products.elementCount, biases > 0 ? outs.elementCount : 0)
      if !windows.contains(where: \.isTransposed) {
        unshared = sum(
          ([weights] + outs.dropFirst()).elementCount, ([biases] + outs.dropFirst()).elementCount)
      }
    } else if !isPool {
      dense = sum(weights, biases)
    }
    layers.append(
      Layer(
        name: node.label, operatorType: node.operatorType, input: input, output: output,
        windows: windows, isPool: isPool,
        field: node.outputs.first.flatMap { fields[$0] }, parameters: weights + biases,
        unshared: unshared, dense: dense))
  }

  private func sum(_ a: Int?, _ b: Int?) -> Int? {
    guard let a, let b else { return nil }
    return a + b
  }
}

extension Node {
  /// The names of the weights of a convolution or fully connected layer.
  fileprivate var weightName: String? {
    let index =
      switch operatorType {
      case "QLinearConv", "QLinearMatMul": 3
      case "Conv", "ConvTranspose", "ConvInteger", "FusedConv", "Gemm", "MatMul", "MatMulInteger": 1
      default: inputs.count
      }
    return index < inputs.count ? inputs[index] : nil
  }

  fileprivate var biasName: String? {
    let index =
      switch operatorType {
      case "QLinearConv": 8
      case "Conv", "ConvTranspose", "FusedConv", "Gemm": 2
      default: inputs.count
      }
    return index < inputs.count && !inputs[index].isEmpty ? inputs[index] : nil
  }

  fileprivate var isFullyConnected: Bool {
    ["Gemm", "MatMul", "MatMulInteger", "QLinearMatMul"].contains(operatorType)
  }

  /// Operators whose elements depend on the elements of their inputs at the same place, in all channels.
  fileprivate static let pointwise = Set(
    """
    Abs Add And BatchNormalization Cast CastLike Ceil Celu Clip DequantizeLinear Div Dropout Elu
    Equal Erf Exp Floor Gelu Greater HardSigmoid HardSwish Identity LRN LeakyRelu Less Log Max Mean
    Min Mish Mul Neg Not Or PRelu Pow QuantizeLinear Reciprocal Relu Round Selu Shrink Sigmoid Sign
    Sin Softplus Softsign Sqrt Sub Sum Swish Tanh ThresholdedRelu Where Xor
    """.split(whereSeparator: \.isWhitespace).map(String.init))
}
