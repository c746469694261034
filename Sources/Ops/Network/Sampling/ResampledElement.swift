import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// An element type that can be interpolated.
protocol ResampledElement: SampledElement {
  init<C: BinaryFloatingPoint>(resampled value: C)
  func resampled<C: BinaryFloatingPoint>(as type: C.Type) -> C
}

extension RealElement {
  init<C: BinaryFloatingPoint>(resampled value: C) { self.init(compute: Compute(value)) }
  func resampled<C: BinaryFloatingPoint>(as type: C.Type) -> C { C(compute) }
}

extension FixedWidthInteger {
  /// Rounds to the nearest integer, ties to even, and saturates.
  init<C: BinaryFloatingPoint>(resampled value: C) {
    let rounded = value.rounded(.toNearestOrEven)
    self = Self(exactly: rounded) ?? (rounded > 0 ? .max : rounded < 0 ? .min : 0)
  }
  func resampled<C: BinaryFloatingPoint>(as type: C.Type) -> C { C(self) }
}

/// Booleans are interpolated as 1 and 0.
extension Bool: ResampledElement {
  init<C: BinaryFloatingPoint>(resampled value: C) { self = value != 0 }
  func resampled<C: BinaryFloatingPoint>(as type: C.Type) -> C { self ? 1 : 0 }
}

extension Float: ResampledElement {}
extension Double: ResampledElement {}
extension Int8: ResampledElement {}
extension Int16: ResampledElement {}
extension Int32: ResampledElement {}
extension Int64: ResampledElement {}
extension UInt8: ResampledElement {}
extension UInt16: ResampledElement {}
extension UInt32: ResampledElement {}
extension UInt64: ResampledElement {}
