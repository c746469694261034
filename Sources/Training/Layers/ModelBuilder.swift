import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// Builds a model from inputs, layers and outputs.
///
/// ```swift
/// let m = ModelBuilder(seed: 1)
/// let image = try m.input("image", ["N", 1, 28, 28])
/// let features = try Conv2D(6, 5, padding: 2)(image, in: m)
/// try m.output("logits", Dense(10)(Flatten()(features, in: m), in: m))
/// let model = try m.model(name: "small")
/// ```
/// Each node is checked, and the types of its outputs are inferred, as soon as it is added. The model
/// has nodes of the standard's operator set `GraphBuilder.operatorSet`, and of the newest version of any
/// other domain that it uses. Its floating-point initializers are parameters or running statistics;
/// other floating-point constants are `Constant` nodes.
///
/// A builder may be used by one thread at a time. Signals refer to it, so that `a + b` adds a node.
public final class ModelBuilder {
  /// The seed of the parameters' initial values. Each parameter is drawn from the seed and its name.
  public let seed: UInt64
  /// The element type of parameters, and the default for inputs.
  public let elementType: ElementType
  /// Whether parameters get values. Without, only their shapes are of use.
  private let drawsValues: Bool
  private let registry: Registry
  var builder: GraphBuilder
  private(set) var path: [String] = []
  private(set) var inputs: [ValueInfo] = []
  private var outputs: [ValueInfo] = []
  /// The output's name by the name that the value has while the model is built.
  private var renamed: [String: String] = [:]
  /// Integer constants by name, from which shapes are inferred.
  private var contents: [String: Tensor] = [:]

  /// Creates a builder for an empty model.
  /// - Parameters:
  ///   - seed: The seed of the parameters' initial values.
  ///   - elementType: float32 or float64.
  ///   - operators: Operators that this package lacks, as in `SessionOptions.operators`.
  public convenience init(
    seed: UInt64 = 0, elementType: ElementType = .float32, operators: [any Operator.Type] = []
  ) {
    self.init(seed: seed, elementType: elementType, operators: operators, drawsValues: true)
  }

  /// - Parameters:
  ///   - drawsValues: Whether parameters get values. Without, nothing touches their memory, and a model
  ///     of any size is built at once.
  ///   - builder: The builder of the graph that the nodes are added to.
  package init(
    seed: UInt64 = 0, elementType: ElementType = .float32, operators: [any Operator.Type] = [],
    drawsValues: Bool, builder: GraphBuilder = GraphBuilder()
  ) {
    precondition([.float32, .float64].contains(elementType), "parameters are float32 or float64")
    self.drawsValues = drawsValues
    self.builder = builder
    registry = Registry.standard.adding(operators)
    self.seed = seed
    self.elementType = elementType
  }

  // MARK: Names

  /// Calls `body` with `name` and a dot as a prefix of all names that it adds, as in `encoder.weight`.
  public func scope<R>(
    _ name: String, _ body: (ModelBuilder) throws(ModelError) -> R
  ) throws(ModelError) -> R {
    path.append(name)
    defer { path.removeLast() }
    return try body(self)
  }

  /// The name with the prefix of the scope.
  func scoped(_ name: String) -> String { (path + [name]).joined(separator: ".") }

  /// The scope, for errors.
  private var label: String { path.isEmpty ? "" : " in '\(path.joined(separator: "."))'" }

  private func claim(_ name: String) throws(ModelError) {
    guard builder.unique(name) == name else {
      throw .graph("the name '\(name)' is already taken in the model")
    }
  }

  // MARK: Values

  /// Adds an input.
  /// - Parameter elementType: The element type. The default is the builder's.
  /// - Throws: `ModelError.graph` if the name is taken.
  public func input(
    _ name: String, _ shape: Shape, _ elementType: ElementType? = nil
  ) throws(ModelError) -> Signal {
    try claim(name)
    let type = elementType ?? self.elementType
    inputs.append(ValueInfo(name, .tensor(type, shape)))
    return Signal(builder: self, name: name, elementType: type, shape: shape)
  }

  /// Makes a value an output.
  /// - Parameter shape: The shape to declare. The default is the inferred one, which may lack names of
  ///   free sizes.
  /// - Throws: `ModelError.graph` if the name is taken.
  public func output(
    _ name: String, _ value: Signal, shape: Shape? = nil
  ) throws(ModelError) {
    try claim(name)
    var source = value.name
    if renamed[source] != nil || !builder.nodes.contains(where: { $0.outputs.contains(source) }) {
      source = try node("Identity", [value]).name
    }
    renamed[source] = name
    outputs.append(ValueInfo(name, .tensor(value.elementType, shape ?? value.shape)))
  }

  /// Adds a parameter: an initializer with values drawn from the seed and the name.
  /// - Parameter fans: The fans for `initializer`. By default they follow from the shape.
  /// - Throws: `ModelError.graph` if the shape is not possible or memory runs out.
  public func parameter(
    _ name: String, _ shape: [Int], _ initializer: Initializer, fans: Fans? = nil
  ) throws(ModelError) -> Signal {
    try parameter(name, shape, blocks: [initializer], of: shape, fans: fans)
  }

  /// Adds a parameter that consists of blocks with separate initializers, such as the gates of a
  /// recurrent layer.
  /// - Parameters:
  ///   - blocks: The initializer of each block.
  ///   - blockShape: The shape of a block. The blocks together must fill `shape`.
  ///   - fans: The fans for the initializers. By default they follow from `blockShape`.
  /// - Throws: `ModelError.graph` if the shape is not possible or memory runs out.
  public func parameter(
    _ name: String, _ shape: [Int], blocks: [Initializer], of blockShape: [Int], fans: Fans? = nil
  ) throws(ModelError) -> Signal {
    let label = scoped(name)
    guard let count = shape.elementCount, let block = blockShape.elementCount,
      block.multipliedReportingOverflow(by: blocks.count) == (count, false),
      shape.allSatisfy({ $0 > 0 })
    else { throw .graph("parameter '\(label)' cannot have the shape \(shape)") }
    var random = RandomStream(seed: seed, name: label)
    let values: Tensor
    do throws(TensorError) {
      values = try Tensor(uninitialized: elementType, shape: shape)
    } catch { throw .graph("parameter '\(label)' of shape \(shape): \(error)") }
    guard drawsValues else { return initializer(values, label) }
    let fans = fans ?? Fans(blockShape)
    var first = 0
    for initializer in blocks {
      if elementType == .float64 {
        let target = values.storage.pointer.assumingMemoryBound(to: Double.self) + first
        initializer.fill(target, blockShape, fans, &random)
      } else {
        let target = values.storage.pointer.assumingMemoryBound(to: Float.self) + first
        initializer.fill(target, blockShape, fans, &random)
      }
      first += block
    }
    return initializer(values, label)
  }

  private func initializer(_ tensor: Tensor, _ name: String) -> Signal {
    let name = builder.constant(tensor, hint: name)
    return Signal(
      builder: self, name: name, elementType: tensor.elementType, shape: Shape(tensor.shape))
  }

  /// Adds a constant, which is not trained.
  public func constant(
    _ tensor: Tensor, hint: String = "constant"
  ) throws(ModelError) -> Signal {
    if tensor.elementType == .int64 || tensor.elementType == .int32 {
      let signal = initializer(tensor, scoped(hint))
      contents[signal.name] = tensor
      return signal
    }
    let attribute = Attribute("value", .tensor(NamedTensor(nil, tensor)))
    return try node("Constant", [], [attribute])
  }

  /// Adds a constant list of int64 numbers, such as sizes or axes.
  public func integers(
    _ values: [Int], hint: String = "constant"
  ) throws(ModelError) -> Signal {
    try constant(Tensor(shape: [values.count], values.map(Int64.init)), hint: hint)
  }

  // MARK: Nodes

  /// Adds a node with one output.
  /// - Parameters:
  ///   - inputs: The inputs; `nil` for an omitted one.
  ///   - domain: The operator's domain; `nil` for the standard's.
  /// - Throws: `ModelError.node` if there is no such operator or it does not accept the attributes or
  ///   inputs, `ModelError.graph` if an input belongs to another builder.
  public func node(
    _ operatorType: String, _ inputs: [Signal?], _ attributes: [Attribute] = [],
    domain: String? = nil
  ) throws(ModelError) -> Signal {
    try nodes(
      operatorType, inputs, attributes, outputs: [operatorType.lowercased()], domain: domain)[0]
  }

  /// Adds a node with several outputs.
  /// - Parameters:
  ///   - inputs: The inputs; `nil` for an omitted one.
  ///   - outputs: Names for the outputs. The builder makes them unique.
  ///   - domain: The operator's domain; `nil` for the standard's.
  /// - Throws: `ModelError.node` if the operator does not accept the attributes or inputs,
  ///   `ModelError.graph` if an input belongs to another builder.
  public func nodes(
    _ operatorType: String, _ inputs: [Signal?], _ attributes: [Attribute] = [],
    outputs: [String], domain: String? = nil
  ) throws(ModelError) -> [Signal] {
    if let stranger = inputs.lazy.compactMap({ $0 }).first(where: { $0.builder !== self }) {
      throw error("the value '\(stranger.name)' belongs to another model")
    }
    let operatorSet = version(of: domain)
    let names = builder.nodes(
      operatorType, inputs.map { $0?.name ?? "" }, attributes, outputs: outputs.map(scoped),
      domain: domain, operatorSet: operatorSet)
    guard let node = builder.nodes.last else { return [] }
    do throws(OperatorError) {
      let (made, allowed) = try registry.make(node, operatorSet: operatorSet)
      if let first = inputs.first??.elementType, !allowed.contains(first) {
        throw .input(0, "expected one of \(allowed), got \(first)")
      }
      let types = try made.inferChecked(
        Inputs(
          types: inputs.map { $0.map { .tensor($0.elementType, $0.shape) } },
          constants: inputs.map { $0.flatMap { contents[$0.name] }.map(Value.tensor) }),
        outputs: names.count)
      var signals: [Signal] = []
      for (index, name) in names.enumerated() {
        guard let type = types[index].tensorType, let shape = type.shape else {
          throw .output(index, "its rank cannot be inferred from the inputs")
        }
        signals.append(
          Signal(builder: self, name: name, elementType: type.elementType, shape: shape))
      }
      return signals
    } catch {
      throw .node(name: names[0], operatorType: operatorType, error)
    }
  }

  /// The version of a domain that the model imports.
  private func version(of domain: String?) -> Int {
    let domain = Registry.normalized(domain: domain)
    return domain.isEmpty ? GraphBuilder.operatorSet : registry.newestVersion(of: domain) ?? 1
  }

  // MARK: Model

  /// The model built so far, without nodes that no output depends on.
  /// - Parameter name: The name of the graph.
  /// - Throws: `ModelError.graph` if the model has no output.
  public func model(
    name: String, metadata: [MetadataEntry] = []
  ) throws(ModelError) -> Model {
    guard !outputs.isEmpty else { throw .graph("the model '\(name)' has no output") }
    var needed = Set(outputs.map(\.name))
    var nodes: [Node] = []
    var renaming = FunctionBody(prefix: "")
    renaming.names = renamed
    for node in builder.nodes.reversed() {
      var node = renaming.renamed(node)
      guard node.outputs.contains(where: needed.contains) else { continue }
      node.name = node.outputs.first
      node.operatorSetVersion = nil
      needed.formUnion(node.usedNames)
      nodes.append(node)
    }
    let graph = Graph(
      name: name, nodes: nodes.reversed(), inputs: inputs, outputs: outputs,
      initializers: builder.initializers.filter { needed.contains($0.name ?? "") })
    let domains = Set(nodes.map { Registry.normalized(domain: $0.domain) }).union([""])
    var model = Model(
      graph: graph,
      operatorSets: domains.sorted().map {
        OperatorSetImport(domain: $0, version: Int64(version(of: $0)))
      },
      irVersion: Self.irVersion)
    model.producerName = "swift-onnx"
    model.metadata = metadata
    return model
  }

  /// The IR version that introduced operator set 20.
  private static let irVersion: Int64 = 9

  /// An error of the layer that is being added.
  func error(_ reason: String) -> ModelError { .graph(reason + label) }
}
