import ONNXFormat
import ONNXInterpreter

/// A value of a model that is being built: what layers take and give.
public struct Signal: Sendable, Hashable {
  /// Its name in the graph.
  public let name: String
  public let elementType: ElementType
  /// Sizes, as far as they are known while the model is built.
  public let shape: Shape

  public var rank: Int { shape.rank }

  /// The size of an axis, counted from the end if negative.
  /// - Throws: `ModelError.graph` where it is not known, or there is no such axis.
  public func size(_ axis: Int, for what: String) throws(ModelError) -> Int {
    let index = axis < 0 ? rank + axis : axis
    guard shape.indices.contains(index), let size = shape[index].size else {
      throw .graph("\(what) needs to know the size of axis \(axis) of its input, got \(shape)")
    }
    return size
  }

  /// Checks the rank.
  /// - Throws: `ModelError.graph` where it is another.
  func expect(rank: Int, _ axes: String, for what: String) throws(ModelError) {
    guard self.rank == rank else {
      throw .graph("\(what) expects an input \(axes), got \(shape)")
    }
  }
}

/// `["N", 1, 28, 28]`: a free size by its name.
extension Dimension: ExpressibleByStringLiteral {
  public init(stringLiteral name: String) { self = .symbol(name) }
}
