import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// A type in which the gates of recurrent cells are computed: `Float`, or `Double` for float64.
protocol GateValue: Real & BinaryFloatingPoint & Sendable {
  /// `y[i] = tanh(x[i])`; `y` may be `x`.
  static func tanh(_ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int)
  /// `y[i] = 1 / (1 + e^−x[i])`; `y` may be `x`.
  static func sigmoid(_ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int)
  /// `y += x · matrix` for each row (see ck_recurrent.h).
  static func multiply(
    _ matrix: UnsafePointer<Self>, depth: Int, units: Int, gates: Int, stride: Int,
    _ rows: UnsafeBufferPointer<ck_row>, backwards: Bool)
}

/// The instruction set the products use.
private let level = ck_simd_level()

extension GateValue {
  /// Units are filled up to a multiple of this.
  static var lanes: Int { 64 / MemoryLayout<Self>.stride }
  /// Units of a panel of a packed matrix.
  static var panel: Int { ck_product_panel(level) / MemoryLayout<Self>.stride }
}

extension Float: GateValue {
  static func tanh(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
    ck_tanh(x, y, count)
  }
  static func sigmoid(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
    ck_sigmoid(x, y, count)
  }
  static func multiply(
    _ matrix: UnsafePointer<Float>, depth: Int, units: Int, gates: Int, stride: Int,
    _ rows: UnsafeBufferPointer<ck_row>, backwards: Bool
  ) {
    ck_product_f32(
      level, matrix, depth, units, gates, stride, rows.baseAddress, rows.count, backwards ? 1 : 0)
  }
}

extension Double: GateValue {
  static func tanh(_ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ count: Int) {
    for i in 0..<count { y[i] = .tanh(x[i]) }
  }
  static func sigmoid(
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ count: Int
  ) {
    for i in 0..<count {
      let e = Double.exp(-abs(x[i]))
      y[i] = (x[i] < 0 ? e : 1) / (1 + e)
    }
  }
  static func multiply(
    _ matrix: UnsafePointer<Double>, depth: Int, units: Int, gates: Int, stride: Int,
    _ rows: UnsafeBufferPointer<ck_row>, backwards: Bool
  ) {
    ck_product_f64(
      level, matrix, depth, units, gates, stride, rows.baseAddress, rows.count, backwards ? 1 : 0)
  }
}

extension RealElement {
  /// Copies elements into the type gates are computed in.
  static func load(
    _ source: UnsafePointer<Self>, _ target: UnsafeMutablePointer<Compute>, _ count: Int
  ) {
    for i in 0..<count { target[i] = source[i].compute }
  }

  /// Copies values of gates into an output.
  static func store(
    _ source: UnsafePointer<Compute>, _ target: UnsafeMutablePointer<Self>, _ count: Int
  ) {
    for i in 0..<count { target[i] = Self(compute: source[i]) }
  }
}
