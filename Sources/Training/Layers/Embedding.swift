import ONNXFormat
import ONNXInterpreter

/// The row of a table for each token: int64 `[…]` becomes `[…, size]`.
public struct Embedding: Layer {
  public var count: Int
  public var size: Int
  public var padding: Int?
  public var weight: Initializer

  /// - Parameters:
  ///   - count: how many tokens there are
  ///   - size: the length of a row
  ///   - padding: a token that means nothing: its rows are 0 and stay so
  ///   - weight: how the table begins
  public init(
    _ count: Int, _ size: Int, padding: Int? = nil, weight: Initializer = .normal()
  ) {
    self.count = count
    self.size = size
    self.padding = padding
    self.weight = weight
  }

  public func callAsFunction(
    _ tokens: Signal, in m: inout ModelBuilder
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

/// 1 at each token's place and 0 elsewhere: int64 `[…]` becomes `[…, count]`.
public struct OneHot: Layer {
  public var count: Int
  public init(_ count: Int) { self.count = count }

  public func callAsFunction(
    _ tokens: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    let depth = try m.constant(Tensor(Int64(count)), hint: "depth")
    let pair =
      m.elementType == .float64
      ? Tensor(shape: [2], [0, 1] as [Double]) : Tensor(shape: [2], [0, 1] as [Float])
    return try m.node("OneHot", [tokens, depth, m.constant(pair)])
  }
}
