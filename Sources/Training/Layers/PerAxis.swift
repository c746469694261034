import ONNXInterpreter

/// A number for each spatial axis: `2` for all, or `[1, 2]` one by one.
public enum PerAxis: Sendable, Hashable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
  case all(Int)
  case each([Int])

  public init(integerLiteral value: Int) { self = .all(value) }
  public init(arrayLiteral values: Int...) { self = .each(values) }

  /// The numbers of `count` axes, each at least `least`.
  func values(
    _ count: Int, atLeast least: Int, _ what: String
  ) throws(ModelError) -> [Int] {
    let values: [Int] =
      switch self {
      case .all(let value): Array(repeating: value, count: count)
      case .each(let values): values
      }
    // Beyond this, sizes of windows would overflow.
    let bounds = least...Int(Int32.max)
    guard values.count == count, values.allSatisfy(bounds.contains) else {
      throw .graph("expected \(count) numbers of at least \(least) for \(what), got \(values)")
    }
    return values
  }
}

/// The cells added around an image.
public enum Padding: Sendable, Hashable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
  /// As many on both sides.
  case both(PerAxis)
  /// As many as keep the image's size where the stride is 1, the odd one behind.
  case same

  public init(integerLiteral value: Int) { self = .both(.all(value)) }
  public init(arrayLiteral values: Int...) { self = .both(.each(values)) }

  /// The standard's `pads`: all beginnings, then all ends.
  func pads(kernel: [Int], dilation: [Int], _ what: String) throws(ModelError) -> [Int] {
    switch self {
    case .both(let cells):
      let values = try cells.values(kernel.count, atLeast: 0, "the padding of \(what)")
      return values + values
    case .same:
      let totals = zip(kernel, dilation).map { ($0 - 1) &* $1 }
      return totals.map { $0 / 2 } + totals.map { $0 - $0 / 2 }
    }
  }
}

/// How many spatial axes a layer has.
public protocol SpatialAxes: Sendable {
  static var count: Int { get }
}
public enum OneAxis: SpatialAxes { public static let count = 1 }
public enum TwoAxes: SpatialAxes { public static let count = 2 }
public enum ThreeAxes: SpatialAxes { public static let count = 3 }
