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
  @inlinable public static var one: Self { 1 }
  @inlinable public static var lowest: Self { .min }
  @inlinable public static var highest: Self { .max }
  @inlinable public static func add(_ a: Self, _ b: Self) -> Self { a &+ b }
  @inlinable public static func multiply(_ a: Self, _ b: Self) -> Self { a &* b }
  @inlinable public static func absolute(_ a: Self) -> Self { a < 0 ? 0 &- a : a }
  @inlinable public var double: Double { Double(self) }
  @inlinable public var isNaN: Bool { false }
}

extension ArithmeticElement where Self: BinaryFloatingPoint {
  @inlinable public static var one: Self { 1 }
  @inlinable public static var lowest: Self { -.infinity }
  @inlinable public static var highest: Self { .infinity }
  @inlinable public static func add(_ a: Self, _ b: Self) -> Self { a + b }
  @inlinable public static func multiply(_ a: Self, _ b: Self) -> Self { a * b }
  @inlinable public static func absolute(_ a: Self) -> Self { abs(a) }
  @inlinable public init(truncating value: Double) { self.init(value) }
  @inlinable public var double: Double { Double(self) }
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
