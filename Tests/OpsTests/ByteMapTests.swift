import CKernels
import Testing

/// Compares loops over bytes that note real numbers, and over packed 4-bit integers, with plain loops.
@Suite struct ByteMapTests {
  private let sizes = [0, 1, 7, 16, 31, 63, 64, 65, 127, 128, 200, 1000]

  private func codes(_ scale: Float, _ zero: UInt8) -> [ck_byte_code] {
    [0, 128].map { ck_byte_code(scale: scale, zero: Float(zero ^ $0), flip: $0) }
  }

  private func noted(_ x: UInt8, _ code: ck_byte_code) -> Float {
    (Float(x ^ code.flip) - code.zero) * code.scale
  }

  private func note(_ x: Float, _ code: ck_byte_code) -> UInt8 {
    let y = (x / code.scale).rounded(.toNearestOrEven) + code.zero
    return UInt8(y >= 0 ? min(y, 255) : 0) ^ code.flip
  }

  @Test func tablesLookUpEachByte() {
    let table = (0..<256).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
    for size in sizes {
      let x = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 73) }
      var y = [UInt8](repeating: 99, count: size + 1)
      ck_byte_table(x, table, &y, size)
      #expect(y == x.map { table[Int($0)] } + [99])
    }
  }

  @Test func numbersRoundToTheNearestByte() {
    for code in codes(0.25, 3) + codes(0.1, 200) {
      for size in sizes {
        var x = (0..<size).map { Float($0 - 500) / 16 }
        if size > 30 {
          x.replaceSubrange(3..<8, with: [.nan, .infinity, -.infinity, 1e30, -1e30])
        }
        var y = [UInt8](repeating: 99, count: size + 1)
        ck_float_to_bytes(x, code, &y, size)
        #expect(y == x.map { note($0, code) } + [99])
        var z = [Float](repeating: 99, count: size + 1)
        ck_bytes_to_float(y, code, &z, size)
        #expect(z == y.dropLast().map { noted($0, code) } + [99])
      }
    }
  }

  @Test func pairsHaveTheBitsOfSeparateSteps() {
    let functions: [(ck_pair_function, (Float, Float) -> Float)] = [
      (CK_PAIR_ADD, { $0 + $1 }), (CK_PAIR_SUB, { $0 - $1 }), (CK_PAIR_MUL, { $0 * $1 }),
      (CK_PAIR_DIV, { $0 / $1 }),
    ]
    for size in sizes where size > 0 {
      let a = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 73) }
      let b = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 41 &+ 5) }
      for (function, f) in functions {
        for (aStep, bStep) in [(1, 1), (0, 1), (1, 0), (0, 0)] {
          let (left, right, result) = (codes(0.1, 3), codes(0.37, 130), codes(0.53, 17))
          for place in 0..<2 {
            var y = [UInt8](repeating: 99, count: size + 1)
            body(a, b, c, d)
  }
}
