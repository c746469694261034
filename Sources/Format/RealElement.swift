import RealModule

/// An element of type float32, float64, float16 or bfloat16. The two of 16 bits compute in `Float`.
public protocol RealElement: Element {
  /// The type that arithmetic runs in: `Float` or `Double`.
  associatedtype Compute: Real & BinaryFloatingPoint & Sendable
  /// The nearest element, ties to even.
  init(compute value: Compute)
  /// The same value in the type for arithmetic.
  var compute: Compute { get }
}

extension Float: RealElement {
  /// The nearest element.
  @inlinable public init(compute value: Float) { self = value }
  /// The value in the type for arithmetic.
  @inlinable public var compute: Float { self }
}

extension Double: RealElement {
  /// The nearest element.
  @inlinable public init(compute value: Double) { self = value }
  /// The value in the type for arithmetic.
  @inlinable public var compute: Double { self }
}

extension Float16: RealElement {
  /// The nearest element.
  @inlinable public init(compute value: Float) { self = Float16(value) }
  /// The value in the type for arithmetic.
  @inlinable public var compute: Float { Float(self) }
}

extension BFloat16: RealElement {
  /// The nearest element.
  @inlinable public init(compute value: Float) { self.init(value) }
  /// The value in the type for arithmetic.
  @inlinable public var compute: Float { float }
}
