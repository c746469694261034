import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// A type in which gates are computed: `Float`, or `Double` for float64.
package protocol GateValue: BLASElement, Sendable {
  /// `y[i] = tanh(x[i])`; `y` may be `x`.
  static func tanh(_ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int)
  /// `y[i] = 1 / (1 + e^−x[i])`; `y` may be `x`.
  static func sigmoid(_ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ count: Int)
  /// `y += x · matrix` for each row (see ck_recurrent.h).
  static func multiply(
    _ matrix: UnsafePointer<Self>, depth: Int, units: Int, gates: Int, stride: Int,
    _ rows: UnsafeBufferPointer<ck_row>, backwards: Bool)
  /// Packs `range` of `places` rows, which are `next` elements apart, for `addOuter`.
  static func packOuter(
    _ rows: UnsafePointer<Self>, next: Int, columns: Int, _ range: Range<Int>, of places: Int,
    _ packed: UnsafeMutablePointer<Self>)
  /// `w += Σ x · packed` over places, an outer product for each (see ck_outer.h).
  static func addOuter(
    _ places: ck_places, _ packed: UnsafePointer<Self>, columns: Int, _ x: UnsafePointer<Self>,
    _ offsets: UnsafePointer<Int>, taps: Int, _ w: UnsafeMutablePointer<Self>, stride: Int)
}

/// The instruction set that the products use.
private let level = ck_simd_level()

extension GateValue {
  /// Units are rounded up to a multiple of this.
  static var lanes: Int { 64 / MemoryLayout<Self>.stride }
  /// Units of a panel of a packed matrix.
  static var panel: Int { ck_product_panel(level) / MemoryLayout<Self>.stride }
}

extension Float: GateValue {
  package static func tanh(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    ck_tanh(x, y, count)
  }
  package static func sigmoid(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    ck_sigmoid(x, y, count)
  }
  package static func multiply(
    _ matrix: UnsafePointer<Float>, depth: Int, units: Int, gates: Int, stride: Int,
    _ rows: UnsafeBufferPointer<ck_row>, backwards: Bool
  ) {
    ck_product_f32(
      level, matrix, depth, units, gates, stride, rows.baseAddress, rows.count, backwards ? 1 : 0)
  }
  package static func packOuter(
    _ rows: UnsafePointer<Float>, next: Int, columns: Int, _ range: Range<Int>, of places: Int,
    _ packed: UnsafeMutablePointer<Float>
  ) {
    ck_outer_pack_f32(
      rows, 1, next, columns, range.lowerBound, range.count, places, packed)
  }
  package static func addOuter(
    _ places: ck_places, _ packed: UnsafePointer<Float>, columns: Int, _ x: UnsafePointer<Float>,
    _ offsets: UnsafePointer<Int>, taps: Int, _ w: UnsafeMutablePointer<Float>, stride: Int
  ) {
    withUnsafePointer(to: places) {
      ck_outer_f32($0, packed, columns, x, offsets, taps, w, stride)
    }
  }
}

extension Double: GateValue {
  package static func tanh(
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ count: Int
  ) {
    for i in 0..<count { y[i] = .tanh(x[i]) }
  }
  package static func sigmoid(
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ count: Int
  ) {
    for i in 0..<count {
      let e = Double.exp(-abs(x[i]))
      y[i] = (x[i] < 0 ? e : 1) / (1 + e)
    }
  }
  package static func multiply(
    _ matrix: UnsafePointer<Double>, depth: Int, units: Int, gates: Int, stride: Int,
    _ rows: UnsafeBufferPointer<ck_row>, backwards: Bool
  ) {
    ck_product_f64(
      level, matrix, depth, units, gates, stride, rows.baseAddress, rows.count, backwards ? 1 : 0)
  }
  package static func packOuter(
    _ rows: UnsafePointer<Double>, next: Int, columns: Int, _ range: Range<Int>, of places: Int,
    _ packed: UnsafeMutablePointer<Double>
  ) {
    ck_outer_pack_f64(
      rows, 1, next, columns, range.lowerBound, range.count, places, packed)
  }
  package static func addOuter(
    _ places: ck_places, _ packed: UnsafePointer<Double>, columns: Int, _ x: UnsafePointer<Double>,
    _ offsets: UnsafePointer<Int>, taps: Int, _ w: UnsafeMutablePointer<Double>, stride: Int
  ) {
    withUnsafePointer(to: places) {
      ck_outer_f64($0, packed, columns, x, offsets, taps, w, stride)
    }
  }
}

extension UnsafeMutablePointer where Pointee: GateValue {
  /// `self += other`
  func add(_ other: UnsafePointer<Pointee>, _ count: Int) {
    for i in 0..<count { self[i] += other[i] }
  }

  /// `self = 0`
  func clear(_ count: Int) { update(repeating: 0, count: count) }

  /// `x = f(x)`, with the argument clipped to `±clip` first.
  package func activate(_ function: RecurrentActivation, clip: Float?, _ count: Int) {
    if let clip {
      let bound = Pointee(clip)
      for i in 0..<count {
        self[i] = self[i] > bound ? bound : self[i] < -bound ? -bound : self[i]
      }
    }
    function.apply(self, self, count)
  }

  /// The same address, where elements are known to be float32.
  var floats: UnsafeMutablePointer<Float> {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Float.self)
  }
}

extension UnsafePointer where Pointee: GateValue {
  /// The same address, where elements are known to be float32.
  var floats: UnsafePointer<Float> {
    UnsafeRawPointer(self).assumingMemoryBound(to: Float.self)
  }
}
