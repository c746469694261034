import ONNXFormat
import ONNXInterpreter

/// Looks up a row of a table for each token: int64 `[…]` to `[…, size]`. The parameter `weight` has the
/// shape `[count, size]`.
public struct Embedding: Layer {
  /// The number of tokens.
  public var count: Int
  /// The length of a row.
  public var size: Int
  /// The padding token, whose row counts as zero; `nil` for none.
  public var padding: Int?
  /// The initializer of the table.
  public var weight: Initializer

  /// Creates an embedding.
  /// - Parameters:
  ///   - count: The number of tokens.
  ///   - size: The length of a row.
  ///   - padding: The padding token, whose row counts as zero; `nil` for none.
  ///   - weight: The initializer of the table.
  public init(
    _ count: Int, _ size: Int, padding: Int? = nil, weight: Initializer = .normal()
  ) {
    self.count = count
    self.size = size
    self.padding = padding
    self.weight = weight
  }

  /// Adds a `Gather` node and, with padding, a mask.
  public func callAsFunction(
    _ tokens: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    let table = try m.parameter("weight", [count, size], weight)
    let rows = try m.node("Gather", [table, tokens])
    guard let padding else { return rows }
    guard tokens.elementType == .int64 else {
      throw m.error("Embedding with padding expects int64 tokens, got \(tokens.elementType)")
    }
    let isPadding = try m.node("Equal", [tokens, m.constant(Tensor(Int64(padding)))])
    let isWord = try m.cast(m.node("Not", [isPadding]), to: rows.elementType)
    return try m.multiply(rows, m.unsqueeze(isWord, -1))
  }
}

/// One-hot vectors of tokens: int64 `[…]` to `[…, count]`.
public struct OneHot: Layer {
  /// The number of tokens.
  public var count: Int
  /// Creates the layer.
  public init(_ count: Int) { self.count = count }

  /// Adds a `OneHot` node.
  public func callAsFunction(
    _ tokens: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    let depth = try m.constant(Tensor(Int64(count)), hint: "depth")
    let pair =
      m.elementType == .float64
      ? Tensor(shape: [2], [0, 1] as [Double]) : Tensor(shape: [2], [0, 1] as [Float])
    return try m.node("OneHot", [tokens, depth, m.constant(pair)])
  }
}
