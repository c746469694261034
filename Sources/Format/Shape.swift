/// A dimension of a tensor type in a graph.
public enum Dimension: Sendable, Hashable {
  /// A known size.
  case size(Int)
  /// A size that is known by a name such as `N`; equal names mean equal sizes.
  case symbol(String)
  /// Any size.
  case unknown

  /// The size, if it is known.
  public var size: Int? { if case .size(let n) = self { n } else { nil } }
}

extension Dimension: ExpressibleByIntegerLiteral {
  /// A known size.
  public init(integerLiteral value: Int) { self = .size(value) }
  /// A known size, or an unknown one for `nil`.
  public init(_ size: Int?) { self = size.map(Dimension.size) ?? .unknown }
}

extension Dimension: CustomStringConvertible {
  /// The size, the name, or `?`.
  public var description: String {
    switch self {
    case .size(let n): "\(n)"
    case .symbol(let name): name
    case .unknown: "?"
    }
  }
}

/// The dimensions of a tensor type in a graph, which need not be known. The `shape` of a `Tensor` is
/// `[Int]`.
public struct Shape: Sendable, Hashable {
  /// The dimensions, outermost first.
  public var dimensions: [Dimension]
  /// The standard's denotation of each dimension, such as `DATA_CHANNEL`; `nil` if there are none.
  public var denotations: [String?]?

  /// A shape of these dimensions.
  public init(_ dimensions: [Dimension]) { self.dimensions = dimensions }
  /// A shape of known sizes.
  public init(_ sizes: [Int]) { self.dimensions = sizes.map(Dimension.size) }
  /// A shape of `rank` unknown dimensions.
  public init(rank: Int) { self.dimensions = Array(repeating: .unknown, count: rank) }

  /// The number of dimensions.
  public var rank: Int { dimensions.count }
  /// The sizes, if all are known.
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
  /// 0.
  public var startIndex: Int { 0 }
  /// The rank.
  public var endIndex: Int { dimensions.count }
  /// The dimension at that index.
  public subscript(index: Int) -> Dimension {
    get { dimensions[index] }
    set { dimensions[index] = newValue }
  }
  /// A shape of these dimensions.
  public init(arrayLiteral elements: Dimension...) { self.dimensions = elements }
}

extension Shape: CustomStringConvertible {
  /// The dimensions in brackets: `[N,3,224,224]`.
  public var description: String {
    "[" + dimensions.map(\.description).joined(separator: ",") + "]"
  }
}

extension Sequence<Int> {
  /// The product of the sizes: the number of elements of a tensor of this shape.
  ///
  /// It is `nil` for a shape that no tensor can have: one with a negative size, or one whose nonzero
  /// sizes multiply to more than 2⁵⁶. Strides and byte counts of other shapes never overflow.
  @inlinable package var elementCount: Int? {
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
