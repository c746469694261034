import ONNXFormat
import ONNXInterpreter

/// A value of a model that is being built: the input or output of a layer. `a + b`, `tanh(a)` and the
/// other functions of `SignalFunctions.swift` add nodes to the model.
public struct Signal: Hashable {
  /// The builder of the model that the value belongs to.
  public let builder: ModelBuilder
  /// The name in the graph.
  public let name: String
  /// The element type.
  public let elementType: ElementType
  /// The shape. Sizes that depend on the model's inputs are symbols or unknown.
  public let shape: Shape

  /// The number of axes.
  public var rank: Int { shape.rank }

  /// Whether two signals are the same value of the same model.
  public static func == (a: Signal, b: Signal) -> Bool {
    a.name == b.name && a.builder === b.builder
  }

  /// Hashes the name.
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }

  /// The size of an axis.
  /// - Parameters:
  ///   - axis: The axis, counted from the end if negative.
  ///   - what: The layer that needs the size, for the error.
  /// - Throws: `ModelError.graph` if the axis does not exist or its size is unknown.
  public func size(_ axis: Int, for what: String) throws(ModelError) -> Int {
    let index = axis < 0 ? rank + axis : axis
    guard shape.indices.contains(index), let size = shape[index].size else {
      throw .graph("\(what) needs a fixed size at axis \(axis) of its input, got \(shape)")
    }
    return size
  }

  /// Checks the rank.
  /// - Throws: `ModelError.graph` if the rank differs.
  func expect(rank: Int, _ axes: String, for what: String) throws(ModelError) {
    guard self.rank == rank else {
      throw .graph("\(what) expects an input \(axes), got \(shape)")
    }
  }
}

extension Dimension: ExpressibleByStringLiteral {
  /// A symbolic size, as in `["N", 1, 28, 28]`.
  public init(stringLiteral name: String) { self = .symbol(name) }
}
