import ONNXFormat
import RealModule

/// A floating-point element: float16 and bfloat16 compute in `Float`.
protocol RealElement: Element {
  associatedtype Compute: Real & BinaryFloatingPoint & Sendable
  init(compute value: Compute)
  var compute: Compute { get }
}

extension Float: RealElement {
  init(compute value: Float) { self = value }
  var compute: Float { self }
}

extension Double: RealElement {
  init(compute value: Double) { self = value }
  var compute: Double { self }
}

extension Float16: RealElement {
  init(compute value: Float) { self = Float16(value) }
  var compute: Float { Float(self) }
}

extension BFloat16: RealElement {
  init(compute value: Float) { self.init(value) }
  var compute: Float { float }
}
