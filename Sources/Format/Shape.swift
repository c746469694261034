/// One dimension of a type in a graph: a size, a named free size such as `N`, or unknown.
public enum Dimension: Sendable, Hashable {
  case size(Int)
  case symbol(String)
  case unknown

  /// The size, where it is known.
  public var size: Int? { if case .size(let n) = self { n } else { nil } }
}

extension Dimension: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: Int) { self = .size(value) }
  /// A known size, or unknown for `nil`.
  public init(_ size: Int?) { self = size.map(Dimension.size) ?? .unknown }
}

extension Dimension: CustomStringConvertible {
  public var description: String {
    switch self {
    case .size(let n): "\(n)"
    case .symbol(let name): name
    case .unknown: "?"
    }
  }
}

/// The dimensions of a tensor type in a graph; a tensor's own `shape` is `[Int]`.
public struct Shape: Sendable, Hashable {
  public var dimensions: [Dimension]
  /// The standard's dimension denotations (`DATA_CHANNEL`…), one a dimension, where a file has any.
  public var denotations: [String?]?

  public init(_ dimensions: [Dimension]) { self.dimensions = dimensions }
  public init(_ sizes: [Int]) { self.dimensions = sizes.map(Dimension.size) }
  /// A shape of which nothing but the rank is known.
  public init(rank: Int) { self.dimensions = Array(repeating: .unknown, count: rank) }

  public var rank: Int { dimensions.count }
  /// All sizes, if every one is known.
  public var sizes: [Int]? {
    var sizes: [Int] = []
    sizes.reserveCapacity(dimensions.count)
    for dimension in dimensions {
      guard let size = dimension.size else { return nil }
      sizes.append(size)
    }
    return sizes
  }
}

extension Shape: RandomAccessCollection, MutableCollection, ExpressibleByArrayLiteral {
  public var startIndex: Int { 0 }
  public var endIndex: Int { dimensions.count }
  public subscript(index: Int) -> Dimension {
    get { dimensions[index] }
    set { dimensions[index] = newValue }
  }
  public init(arrayLiteral elements: Dimension...) { self.dimensions = elements }
}

extension Shape: CustomStringConvertible {
  public var description: String {
    "[" + dimensions.map(\.description).joined(separator: ",") + "]"
  }
}

extension Sequence<Int> {
  /// The product of the sizes, or `nil` for a shape that no tensor can have: a negative size, or
  /// more than 2⁵⁶ elements, those of empty dimensions not counted, so that strides and byte counts
  /// never overflow.
  public var elementCount: Int? {
    var product = 1
    var isEmpty = false
    for size in self {
      if size < 0 { return nil }
      if size == 0 {
        isEmpty = true
        continue
      }
      let (next, overflow) = product.multipliedReportingOverflow(by: size)
      if overflow || next > 1 << 56 { return nil }
      product = next
    }
    return isEmpty ? 0 : product
  }
}
