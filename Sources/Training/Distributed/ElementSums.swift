import CKernels
import ONNXFormat

extension ElementType {
  /// Whether `addElements` can add elements of the type.
  var hasSums: Bool { [.float32, .float64, .float16, .bfloat16].contains(self) }

  /// Adds elements of the type to others. Elements of 16 bits are added as float32 and rounded.
  /// - Parameter byteCount: The size of the elements, which begin at multiples of their size.
  func addElements(
    at terms: UnsafeRawPointer, to sums: UnsafeMutableRawPointer, byteCount: Int
  ) {
    let count = byteCount / stride
    switch self {
    case .float32:
      let sums = sums.assumingMemoryBound(to: Float.self)
      ck_add(sums, 1, terms.assumingMemoryBound(to: Float.self), 1, sums, count)
    case .float64:
      let sums = sums.assumingMemoryBound(to: Double.self)
      let terms = terms.assumingMemoryBound(to: Double.self)
      for index in 0..<count { sums[index] += terms[index] }
    case .float16:
      Self.addNarrow(at: terms, to: sums, count: count, ck_half_to_float, ck_float_to_half)
    case .bfloat16:
      Self.addNarrow(at: terms, to: sums, count: count, ck_bfloat_to_float, ck_float_to_bfloat)
    default: break
    }
  }

  private static func addNarrow(
    at terms: UnsafeRawPointer, to sums: UnsafeMutableRawPointer, count: Int,
    _ widen: (UnsafePointer<UInt16>, UnsafeMutablePointer<Float>, Int) -> Void,
    _ round: (UnsafePointer<Float>, UnsafeMutablePointer<UInt16>, Int) -> Void
  ) {
    let sums = sums.assumingMemoryBound(to: UInt16.self)
    let terms = terms.assumingMemoryBound(to: UInt16.self)
    let block = 1024
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * block) { wide in
      guard let a = wide.baseAddress else { return }
      let b = a + block
      for start in Swift.stride(from: 0, to: count, by: block) {
        let size = min(block, count - start)
        widen(sums + start, a, size)
        widen(terms + start, b, size)
        ck_add(a, 1, b, 1, a, size)
        round(a, sums + start, size)
      }
    }
  }
}
