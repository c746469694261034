import ONNXFormat
import ONNXInterpreter

/// A part of a model with one input and one output, described by its sizes. It learns the size of
/// its input from the input itself.
public protocol Layer: Sendable {
  /// Adds the layer's nodes and parameters to a model.
  /// - Returns: what the layer makes of `x`.
  /// - Throws: `ModelError` where the layer does not suit the input.
  func callAsFunction(_ x: Signal, in m: inout ModelBuilder) throws(ModelError) -> Signal
}

extension Layer {
  /// The layer as a model with one input and one output.
  /// - Parameters:
  ///   - input: the input's name
  ///   - shape: such as `["N", 1, 28, 28]`
  ///   - elementType: the input's; by itself float32
  public func model(
    input: String = "input", _ shape: Shape, _ elementType: ElementType? = nil,
    output: String = "output", name: String = "model", seed: UInt64 = 0
  ) throws(ModelError) -> Model {
    var m = ModelBuilder(seed: seed)
    let x = try m.input(input, shape, elementType)
    try m.output(output, self(x, in: &m))
    return try m.model(name: name)
  }

  /// Writes the layer as an ONNX file with one input and one output.
  /// - Throws: `ModelError` where the layer does not suit the input, `FormatError` where the file
  ///   cannot be written.
  public func export(
    to path: String, input: String = "input", _ shape: Shape, _ elementType: ElementType? = nil,
    output: String = "output", name: String = "model", seed: UInt64 = 0
  ) throws {
    try model(input: input, shape, elementType, output: output, name: name, seed: seed)
      .write(to: path)
  }

  /// The layer under a name of its own in a `Sequential`, in place of its number.
  public func named(_ name: String) -> Named { Named(name, self) }
}

/// A layer with a name that those of its parameters begin with.
public struct Named: Layer {
  public let name: String
  public let layer: any Layer

  public init(_ name: String, _ layer: any Layer) {
    self.name = name
    self.layer = layer
  }

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    try m.scope(name) { m throws(ModelError) in try layer(x, in: &m) }
  }
}

/// Collects layers that stand below each other.
@resultBuilder
public enum LayerBuilder {
  public static func buildExpression(_ layer: any Layer) -> [any Layer] { [layer] }
  public static func buildBlock(_ parts: [any Layer]...) -> [any Layer] { parts.flatMap { $0 } }
  public static func buildOptional(_ part: [any Layer]?) -> [any Layer] { part ?? [] }
  public static func buildEither(first part: [any Layer]) -> [any Layer] { part }
  public static func buildEither(second part: [any Layer]) -> [any Layer] { part }
  public static func buildArray(_ parts: [[any Layer]]) -> [any Layer] { parts.flatMap { $0 } }
}

/// Layers one behind the other. Their parameters are named after their places, `0.weight`, as in
/// PyTorch, or after the names they were given.
public struct Sequential: Layer {
  public let layers: [any Layer]

  public init(_ layers: [any Layer]) { self.layers = layers }
  public init(@LayerBuilder _ layers: () -> [any Layer]) { self.layers = layers() }

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    var x = x
    for (index, layer) in layers.enumerated() {
      let named = layer as? Named ?? Named("\(index)", layer)
      x = try named(x, in: &m)
    }
    return x
  }
}

/// `y = body(x) + shortcut(x)`; by itself the shortcut is `x`.
public struct Residual: Layer {
  public let body: Sequential
  public let shortcut: Sequential

  public init(
    @LayerBuilder _ body: () -> [any Layer], @LayerBuilder shortcut: () -> [any Layer] = { [] }
  ) {
    self.body = Sequential(body)
    self.shortcut = Sequential(shortcut)
  }

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    let y = try body.named("body")(x, in: &m)
    return try m.add(y, shortcut.named("shortcut")(x, in: &m))
  }
}

/// What several layers make of the same input, behind one another along `axis`.
public struct Parallel: Layer {
  public let axis: Int
  public let branches: [any Layer]

  public init(axis: Int = 1, _ branches: [any Layer]) {
    self.axis = axis
    self.branches = branches
  }
  public init(axis: Int = 1, @LayerBuilder _ branches: () -> [any Layer]) {
    self.init(axis: axis, branches())
  }

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    guard !branches.isEmpty else { throw m.error("Parallel has no branches") }
    var results: [Signal] = []
    for (index, branch) in branches.enumerated() {
      let named = branch as? Named ?? Named("\(index)", branch)
      results.append(try named(x, in: &m))
    }
    return try m.concatenate(results, axis: axis)
  }
}
