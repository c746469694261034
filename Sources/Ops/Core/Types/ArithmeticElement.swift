import ONNXFormat

/// A number that adds and multiplies without trapping: integers wrap around.
@usableFromInline package protocol ArithmeticElement: Element, Comparable {
  /// The number 1.
  static var one: Self { get }
  /// The lowest number: minus infinity for floats.
  static var lowest: Self { get }
  /// The highest number: infinity for floats.
  static var highest: Self { get }
  /// The sum.
  static func add(_ a: Self, _ b: Self) -> Self
  /// The product.
  static func multiply(_ a: Self, _ b: Self) -> Self
  /// The magnitude, which wraps around for the lowest integer.
  static func absolute(_ a: Self) -> Self
  /// The nearest float, or the value truncated to an integer and clamped to the range of the type.
  init(truncating value: Double)
  /// The nearest `Double`.
  var double: Double { get }
  /// Whether the value is not a number.
  var isNaN: Bool { get }
}

extension ArithmeticElement where Self: FixedWidthInteger {
  @inlinable package static var one: Self { 1 }
  @inlinable package static var lowest: Self { .min }
  @inlinable package static var highest: Self { .max }
  @inlinable package static func add(_ a: Self, _ b: Self) -> Self { a &+ b }
  @inlinable package static func multiply(_ a: Self, _ b: Self) -> Self { a &* b }
  @inlinable package static func absolute(_ a: Self) -> Self { a < 0 ? 0 &- a : a }
  @inlinable package var double: Double { Double(self) }
  @inlinable package var isNaN: Bool { false }
}

extension ArithmeticElement where Self: BinaryFloatingPoint {
  @inlinable package static var one: Self { 1 }
  @inlinable package static var lowest: Self { -.infinity }
  @inlinable package static var highest: Self { .infinity }
  @inlinable package static func add(_ a: Self, _ b: Self) -> Self { a + b }
  @inlinable package static func multiply(_ a: Self, _ b: Self) -> Self { a * b }
  @inlinable package static func absolute(_ a: Self) -> Self { abs(a) }
  @inlinable package init(truncating value: Double) { self.init(value) }
  @inlinable package var double: Double { Double(self) }
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
