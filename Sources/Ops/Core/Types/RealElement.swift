import CKernels
import ONNXFormat
import RealModule

/// A 16-bit float, which loops convert to `Float` a block at a time.
public protocol HalfFloat: RealElement where Compute == Float {
  /// `y[i] = x[i]` for `i < count`.
  static func widen(_ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Float>, _ count: Int)
  /// `y[i] = x[i]` for `i < count`, to nearest, ties to even.
  static func narrow(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Self>, _ count: Int)
}

extension Float16: HalfFloat {
  /// Converts `count` elements to `Float`.
  public static func widen(
    _ x: UnsafePointer<Float16>, _ y: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    ck_half_to_float(patterns(x), y, count)
  }

  /// Converts `count` elements from `Float`, rounding to nearest, ties to even.
  public static func narrow(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float16>, _ count: Int
  ) {
    ck_float_to_half(x, patterns(y), count)
  }
}

extension BFloat16: HalfFloat {
  /// Converts `count` elements to `Float`.
  public static func widen(
    _ x: UnsafePointer<BFloat16>, _ y: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    ck_bfloat_to_float(patterns(x), y, count)
  }

  /// Converts `count` elements from `Float`, rounding to nearest, ties to even.
  public static func narrow(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<BFloat16>, _ count: Int
  ) {
    ck_float_to_bfloat(x, patterns(y), count)
  }
}

extension HalfFloat {
  /// The number of elements that a loop converts at a time.
  @inlinable public static var block: Int { 512 }

  /// Calls `body` with uninitialised memory for a number of blocks of `Float`.
  public static func withBlocks(_ blocks: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: blocks * block) { memory in
      if let base = memory.baseAddress { body(base) }
    }
  }
}

private func patterns<T>(_ x: UnsafePointer<T>) -> UnsafePointer<UInt16> {
  UnsafeRawPointer(x).assumingMemoryBound(to: UInt16.self)
}

private func patterns<T>(_ x: UnsafeMutablePointer<T>) -> UnsafeMutablePointer<UInt16> {
  UnsafeMutableRawPointer(x).assumingMemoryBound(to: UInt16.self)
}

/// `ln(1 + eˣ)`, without overflow for large `x`.
@inlinable package func softplus<T: Real>(_ x: T) -> T { max(x, 0) + .log(onePlus: .exp(-abs(x))) }
