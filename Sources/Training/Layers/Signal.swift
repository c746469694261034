import ONNXFormat
import ONNXInterpreter

/// A value of a model that is being built: the input or output of a layer.
public struct Signal: Sendable, Hashable {
  /// The name in the graph.
  public let name: String
  /// The element type.
  public let elementType: ElementType
  /// The shape. Sizes that depend on the model's inputs are symbols or unknown.
  public let shape: Shape

  /// The number of axes.
  public var rank: Int { shape.rank }

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
