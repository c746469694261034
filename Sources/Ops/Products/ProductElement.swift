import ComplexModule
import ONNXFormat
import ONNXOperators
import RealModule

/// An element type with products and sums: reals in their compute type, integers modulo 2ⁿ.
@usableFromInline package protocol ProductElement: Element {
  associatedtype Sum: Sendable
  static var emptySum: Sum { get }
  static func add(_ sum: inout Sum, _ x: Self, times y: Self)
  static func add(_ sum: inout Sum, _ x: Self)
  init(sum: Sum)
}

extension RealElement {
  @inlinable @inline(__always) package static var emptySum: Compute { 0 }
  @inlinable @inline(__always) package static func add(
    _ sum: inout Compute, _ x: Self, times y: Self
  ) {
    sum += x.compute * y.compute
  }
  @inlinable @inline(__always) package static func add(_ sum: inout Compute, _ x: Self) {
    sum += x.compute
  }
  @inlinable @inline(__always) package init(sum: Compute) { self.init(compute: sum) }
}

extension FixedWidthInteger {
  @inlinable @inline(__always) package static var emptySum: Self { 0 }
  @inlinable @inline(__always) package static func add(_ sum: inout Self, _ x: Self, times y: Self)
  {
    sum &+= x &* y
  }
  @inlinable @inline(__always) package static func add(_ sum: inout Self, _ x: Self) { sum &+= x }
  @inlinable @inline(__always) package init(sum: Self) { self = sum }
}

/// For booleans, products are conjunctions and sums disjunctions.
extension Bool: ProductElement {
  @inlinable package static var emptySum: Bool { false }
  @inlinable package static func add(_ sum: inout Bool, _ x: Bool, times y: Bool) {
    sum = sum || x && y
  }
  @inlinable package static func add(_ sum: inout Bool, _ x: Bool) { sum = sum || x }
  @inlinable package init(sum: Bool) { self = sum }
}

extension Complex: ProductElement where RealType: ComplexPart {
  @inlinable package static var emptySum: Self { .zero }
  @inlinable package static func add(_ sum: inout Self, _ x: Self, times y: Self) { sum += x * y }
  @inlinable package static func add(_ sum: inout Self, _ x: Self) { sum += x }
  @inlinable package init(sum: Self) { self = sum }
}

extension Float: ProductElement {}
extension Double: ProductElement {}
extension Float16: ProductElement {}
extension BFloat16: ProductElement {}
extension Int8: ProductElement {}
extension Int16: ProductElement {}
extension Int32: ProductElement {}
extension Int64: ProductElement {}
extension UInt8: ProductElement {}
extension UInt16: ProductElement {}
extension UInt32: ProductElement {}
extension UInt64: ProductElement {}
