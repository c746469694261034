import ONNXInterpreter

/// A number for each spatial axis: `2` for all axes, or `[1, 2]` for one each.
public enum PerAxis: Sendable, Hashable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
  /// The same number for all axes.
  case all(Int)
  /// A number for each axis.
  case each([Int])

  /// The same number for all axes.
  public init(integerLiteral value: Int) { self = .all(value) }
  /// A number for each axis.
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
    // Larger numbers could overflow the sizes of windows.
    let bounds = least...Int(Int32.max)
    guard values.count == count, values.allSatisfy(bounds.contains) else {
      throw .graph("expected \(count) numbers of at least \(least) for \(what), got \(values)")
    }
    return values
  }
}

/// The zeros added around an image.
public enum Padding: Sendable, Hashable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
  /// The same number on both sides of an axis.
  case both(PerAxis)
  /// The number that keeps the image's size at stride 1. An odd one goes to the end.
  case same

  /// The same number on all sides.
  public init(integerLiteral value: Int) { self = .both(.all(value)) }
  /// A number for both sides of each axis.
  public init(arrayLiteral values: Int...) { self = .both(.each(values)) }

  /// The attribute `pads`: all beginnings, then all ends.
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

/// The number of spatial axes of a layer's input.
public protocol SpatialAxes: Sendable {
  /// The number of axes.
  static var count: Int { get }
}
/// One spatial axis: `[N, C, L]`.
public enum OneAxis: SpatialAxes {
  /// 1.
  public static let count = 1
}
/// Two spatial axes: `[N, C, H, W]`.
public enum TwoAxes: SpatialAxes {
  /// 2.
  public static let count = 2
}
/// Three spatial axes: `[N, C, D, H, W]`.
public enum ThreeAxes: SpatialAxes {
  /// 3.
  public static let count = 3
}
