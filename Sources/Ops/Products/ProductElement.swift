import ComplexModule
import ONNXFormat
import ONNXOperators
import RealModule

/// An element that can be multiplied and summed: reals in their type for computing, integers
/// modulo 2ⁿ.
package protocol ProductElement: Element {
  associatedtype Sum: Sendable
  static var emptySum: Sum { get }
  static func add(_ sum: inout Sum, _ x: Self, times y: Self)
  static func add(_ sum: inout Sum, _ x: Self)
  init(sum: Sum)
}

extension RealElement {
  @inline(__always) package static var emptySum: Compute { 0 }
  @inline(__always) package static func add(_ sum: inout Compute, _ x: Self, times y: Self) {
    sum += x.compute * y.compute
  }
  @inline(__always) package static func add(_ sum: inout Compute, _ x: Self) { sum += x.compute }
  @inline(__always) package init(sum: Compute) { self.init(compute: sum) }
}

extension FixedWidthInteger {
  @inline(__always) package static var emptySum: Self { 0 }
  @inline(__always) package static func add(_ sum: inout Self, _ x: Self, times y: Self) {
    sum &+= x &* y
  }
  @inline(__always) package static func add(_ sum: inout Self, _ x: Self) { sum &+= x }
  @inline(__always) package init(sum: Self) { self = sum }
}

/// Sums of booleans are disjunctions.
extension Bool: ProductElement {
  package static var emptySum: Bool { false }
  package static func add(_ sum: inout Bool, _ x: Bool, times y: Bool) { sum = sum || x && y }
  package static func add(_ sum: inout Bool, _ x: Bool) { sum = sum || x }
  package init(sum: Bool) { self = sum }
}

extension Complex: ProductElement where RealType: ComplexPart {
  package static var emptySum: Self { .zero }
  package static func add(_ sum: inout Self, _ x: Self, times y: Self) { sum += x * y }
  package static func add(_ sum: inout Self, _ x: Self) { sum += x }
  package init(sum: Self) { self = sum }
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
