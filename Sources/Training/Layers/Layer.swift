import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// A part of a model with one input and one output. A layer is described by its output size; its input
/// size follows from its input.
public protocol Layer: Sendable {
  /// Adds the layer's nodes and parameters to a model.
  /// - Returns: The layer's output.
  /// - Throws: `ModelError` if the layer does not accept the input.
  func callAsFunction(_ x: Signal, in m: ModelBuilder) throws(ModelError) -> Signal
}

extension Layer {
  /// The layer as a model with one input and one output.
  /// - Parameters:
  ///   - input: The name of the input.
  ///   - shape: The shape of the input, such as `["N", 1, 28, 28]`.
  ///   - elementType: The element type of the input. The default is float32.
  ///   - output: The name of the output.
  ///   - name: The name of the graph.
  ///   - seed: The seed of the parameters' initial values.
  ///   - operators: Operators that this package lacks, as in `SessionOptions.operators`.
  /// - Throws: `ModelError` if the layer does not accept the input.
  public func model(
    input: String = "input", _ shape: Shape, _ elementType: ElementType? = nil,
    output: String = "output", name: String = "model", seed: UInt64 = 0,
    operators: [any Operator.Type] = []
  ) throws(ModelError) -> Model {
    let m = ModelBuilder(seed: seed, operators: operators)
    let x = try m.input(input, shape, elementType)
    try m.output(output, self(x, in: m))
    return try m.model(name: name)
  }

  /// Writes the layer as an ONNX file with one input and one output.
  /// - Throws: `TrainingError.interpreter` if the layer does not accept the input,
  ///   `TrainingError.file` if the file cannot be written.
  public func export(
    to path: String, input: String = "input", _ shape: Shape, _ elementType: ElementType? = nil,
    output: String = "output", name: String = "model", seed: UInt64 = 0,
    operators: [any Operator.Type] = []
  ) throws(TrainingError) {
    let built = try TrainingError.wrapping { () throws(ModelError) in
      try model(
        input: input, shape, elementType, output: output, name: name, seed: seed,
        operators: operators)
    }
    do throws(FormatError) { try built.write(to: path) } catch { throw .file(error) }
  }

  /// The layer with a name that replaces its number in a `Sequential`.
  public func named(_ name: String) -> Named { Named(name, self) }
}

/// A layer with a name, which is the prefix of its parameters' names.
public struct Named: Layer {
  /// The name.
  public let name: String
  /// The layer.
  public let layer: any Layer

  /// Names a layer.
  public init(_ name: String, _ layer: any Layer) {
    self.name = name
    self.layer = layer
  }

  /// Adds the layer in a scope with its name.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    try m.scope(name) { m throws(ModelError) in try layer(x, in: m) }
  }
}

/// Collects the layers listed in a closure. The closure may contain `if`, `switch` and `for`.
@resultBuilder
public enum LayerBuilder {
  /// A single layer.
  public static func buildExpression(_ layer: any Layer) -> [any Layer] { [layer] }
  /// The layers of a block.
  public static func buildBlock(_ parts: [any Layer]...) -> [any Layer] { parts.flatMap { $0 } }
  /// The layers of an `if` without `else`.
  public static func buildOptional(_ part: [any Layer]?) -> [any Layer] { part ?? [] }
  /// The layers of a first branch.
  public static func buildEither(first part: [any Layer]) -> [any Layer] { part }
  /// The layers of a second branch.
  public static func buildEither(second part: [any Layer]) -> [any Layer] { part }
  /// The layers of a loop.
  public static func buildArray(_ parts: [[any Layer]]) -> [any Layer] { parts.flatMap { $0 } }
}

/// Layers applied one after another. Their parameters are prefixed with their positions, as in
/// `0.weight`, or with the names given by `named(_:)`.
public struct Sequential: Layer {
  /// The layers, first to last.
  public let layers: [any Layer]

  /// Creates a sequence of layers.
  public init(_ layers: [any Layer]) { self.layers = layers }
  /// Creates a sequence of the layers listed in a closure.
  public init(@LayerBuilder _ layers: () -> [any Layer]) { self.layers = layers() }

  /// Adds the layers in order.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    var x = x
    for (index, layer) in layers.enumerated() {
      let named = layer as? Named ?? Named("\(index)", layer)
      x = try named(x, in: m)
    }
    return x
  }
}

/// A residual block: `y = body(x) + shortcut(x)`. The default shortcut is the identity.
public struct Residual: Layer {
  /// The layers of the residual function.
  public let body: Sequential
  /// The layers of the shortcut; none for the identity.
  public let shortcut: Sequential

  /// Creates a residual block.
  public init(
    @LayerBuilder _ body: () -> [any Layer], @LayerBuilder shortcut: () -> [any Layer] = { [] }
  ) {
    self.body = Sequential(body)
    self.shortcut = Sequential(shortcut)
  }

  /// Adds both paths and an `Add` node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    let y = try body.named("body")(x, in: m)
    return try m.add(y, shortcut.named("shortcut")(x, in: m))
  }
}

/// Applies several layers to the same input and concatenates their outputs along `axis`.
public struct Parallel: Layer {
  /// The axis of the concatenation.
  public let axis: Int
  /// The layers that are applied to the input.
  public let branches: [any Layer]

  /// Creates parallel branches.
  public init(axis: Int = 1, _ branches: [any Layer]) {
    self.axis = axis
    self.branches = branches
  }
  /// Creates parallel branches of the layers listed in a closure.
  public init(axis: Int = 1, @LayerBuilder _ branches: () -> [any Layer]) {
    self.init(axis: axis, branches())
  }

  /// Adds all branches and a `Concat` node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    guard !branches.isEmpty else { throw m.error("Parallel needs at least one branch") }
    var results: [Signal] = []
    for (index, branch) in branches.enumerated() {
      let named = branch as? Named ?? Named("\(index)", branch)
      results.append(try named(x, in: m))
    }
    return try m.concatenate(results, axis: axis)
  }
}
