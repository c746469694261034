import ONNX

/// Makes nodes of layers, one after the other.
struct ConvNetBuilder {
  private var graph: Graph
  /// The name of the value so far.
  private(set) var value = "input"
  /// Its size as a volume.
  private(set) var size: VolumeSize
  /// Whether the value is `[N, count]` with the order of ConvNetJS's volumes, not `[N, depth, sy, sx]`.
  private(set) var isFlat = false
  /// The beginning of the names of the current layer: `layer3`.
  private var prefix = ""
  /// How many nodes the current layer has.
  private var nodeCount = 0

  init(input: VolumeSize) {
    size = input
    graph = Graph(
      name: "ConvNetJS", inputs: [ValueInfo("input", Self.type(of: input, flat: false))])
  }

  private static func type(of size: VolumeSize, flat: Bool) -> ValueType {
    let sizes = flat ? [size.count] : [size.depth, size.sy, size.sx]
    return .tensor(.float32, Shape([.symbol("N")] + sizes.map { .size($0) }))
  }

  /// The model of all layers so far.
  func model() -> Model {
    var graph = graph
    if graph.nodes.isEmpty {
      graph.nodes = [Node("Identity", inputs: ["input"], outputs: ["output"])]
    } else {
      graph.nodes[graph.nodes.count - 1].outputs = ["output"]
    }
    graph.outputs = [ValueInfo("output", Self.type(of: size, flat: isFlat))]
    return Model(graph: graph, operatorSets: [OperatorSetImport(version: 17)], irVersion: 8)
  }

  /// Adds a layer.
  /// - Throws: `ConversionError` for a layer of an unknown type or that does not fit its input
  mutating func add(_ layer: ConvNetLayer, index: Int) throws(ConversionError) {
    prefix = "layer\(index)"
    nodeCount = 0
    switch layer.type {
    case "conv": try addConvolution(layer)
    case "pool": try addPool(layer)
    case "fc": try addFullyConnected(layer)
    case "relu": append("Relu", [value])
    case "sigmoid": append("Sigmoid", [value])
    case "tanh": append("Tanh", [value])
    case "maxout": try addMaxout(layer)
    case "lrn": try addNormalization(layer)
    case "dropout":
      let probability = Tensor(try layer.number("drop_prob"))
      append("Mul", [value, constant("probability", probability)])
    case "softmax":
      flatten()
      append("Softmax", [value], [.int("axis", 1)])
    case "svm", "regression": break
    case "input": throw ConversionError("a network has one input")
    default:
      throw ConversionError(
        "unknown type; expected conv, pool, fc, relu, sigmoid, tanh, maxout, lrn, dropout, "
          + "softmax, svm or regression")
    }
    try checkOutput(layer)
  }

  /// Layers state the size of their output, which ConvNetJS computes when it makes them.
  private func checkOutput(_ layer: ConvNetLayer) throws(ConversionError) {
    let stated = try layer.outputSize()
    // These state how many numbers they see, and pass the volume on.
    let isIdentity = layer.type == "svm" || layer.type == "regression"
    guard stated == size || isIdentity && stated.count == size.count else {
      throw ConversionError("the output is stated as \(stated), but follows as \(size)")
    }
  }

  /// Adds a node whose output is the value from now on.
  mutating func append(_ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = []) {
    let name = "\(prefix)/\(operatorType)"
    value = nodeCount == 0 ? prefix : "\(prefix)/\(nodeCount)"
    nodeCount += 1
    graph.nodes.append(
      Node(operatorType, name: name, inputs: inputs, outputs: [value], attributes: attributes))
  }

  /// Adds a constant, and returns its name.
  mutating func constant(_ name: String, _ tensor: Tensor) -> String {
    graph.initializers.append(NamedTensor("\(prefix).\(name)", tensor))
    return "\(prefix).\(name)"
  }

  /// Adds a node that gives the value another shape; 0 keeps the batch.
  mutating func reshape(_ shape: [Int]) {
    let sizes = Tensor(shape: [shape.count], shape.map(Int64.init))
    append("Reshape", [value, constant("shape\(graph.initializers.count)", sizes)])
  }

  /// Makes the value `[N, count]`, in the order of ConvNetJS.
  mutating func flatten() {
    if isFlat { return }
    if size.sx * size.sy > 1, size.depth > 1 {
      append("Transpose", [value], [.ints("perm", [0, 2, 3, 1])])
    }
    append("Flatten", [value])
    setFlat()
  }

  /// Makes the value `[N, depth, sy, sx]`.
  mutating func unflatten() {
    guard isFlat else { return }
    reshape([0, size.depth, size.sy, size.sx])
    isFlat = false
  }

  /// Records that the value is `[N, count]` from now on.
  mutating func setFlat() {
    size.depth = size.count
    (size.sx, size.sy) = (1, 1)
    isFlat = true
  }

  /// Records the size of the value from now on.
  mutating func setSize(_ size: VolumeSize) { self.size = size }
}
