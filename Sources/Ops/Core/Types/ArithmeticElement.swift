import ONNXFormat

/// Numbers that add and multiply without a trap: integers wrap around.
public protocol ArithmeticElement: Element, Comparable {
  static var one: Self { get }
  /// Not greater than any other number.
  static var lowest: Self { get }
  /// Not less than any other number.
  static var highest: Self { get }
  static func add(_ a: Self, _ b: Self) -> Self
  static func multiply(_ a: Self, _ b: Self) -> Self
  static func absolute(_ a: Self) -> Self
  /// The value without its fraction where the type is of integers, at most the ends of its range.
  init(truncating value: Double)
  var double: Double { get }
  var isNaN: Bool { get }
}

extension ArithmeticElement where Self: FixedWidthInteger {
  public static var one: Self { 1 }
  public static var lowest: Self { .min }
  public static var highest: Self { .max }
  public static func add(_ a: Self, _ b: Self) -> Self { a &+ b }
  public static func multiply(_ a: Self, _ b: Self) -> Self { a &* b }
  public static func absolute(_ a: Self) -> Self { a < 0 ? 0 &- a : a }
  public var double: Double { Double(self) }
  public var isNaN: Bool { false }
}

extension ArithmeticElement where Self: BinaryFloatingPoint {
  public static var one: Self { 1 }
  public static var lowest: Self { -.infinity }
  public static var highest: Self { .infinity }
  public static func add(_ a: Self, _ b: Self) -> Self { a + b }
  public static func multiply(_ a: Self, _ b: Self) -> Self { a * b }
  public static func absolute(_ a: Self) -> Self { abs(a) }
  public init(truncating value: Double) { self.init(value) }
  public var double: Double { Double(self) }
}

extension Float: ArithmeticElement {}
extension Double: ArithmeticElement {}
extension Int8: ArithmeticElement {}
extension Int16: ArithmeticElement {}
extension Int32: ArithmeticElement {}
extension Int64: ArithmeticElement {}
extension UInt8: ArithmeticElement {}
extension UInt16: ArithmeticElement {}
extension UInt32: ArithmeticElement {}
extension UInt64: ArithmeticElement {}
