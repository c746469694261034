import CKernels
import Testing

/// Sums of outer products beside plain loops, for float32 and float64.
@Suite struct OuterSumTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var places: (images: Int, rows: Int, columns: Int)
    var step = 1
    var columns: Int
    var taps: Int
    var testDescription: String { "\(places), step \(step), \(columns) columns, \(taps) taps" }
  }

  static let cases = [
    Case(places: (1, 1, 1), columns: 1, taps: 1), Case(places: (2, 3, 5), columns: 7, taps: 3),
    Case(places: (3, 1, 4), step: 3, columns: 16, taps: 8),
    Case(places: (1, 2, 9), columns: 17, taps: 9), Case(places: (2, 2, 2), columns: 33, taps: 13),
    Case(places: (1, 4, 16), step: 2, columns: 64, taps: 31),
    Case(places: (0, 1, 1), columns: 5, taps: 2),
  ]

  @Test(arguments: cases) func isTheSumOverPlaces(_ test: Case) {
    check(test, ck_outer_pack_f32, ck_outer_f32)
    check(test, ck_outer_pack_f64, ck_outer_f64)
  }

  typealias Pack<T> = (
    UnsafePointer<T>, Int, Int, Int, Int, Int, Int, UnsafeMutablePointer<T>
  ) -> Void
  typealias Sum<T> = (
    UnsafePointer<ck_places>, UnsafePointer<T>, Int, UnsafePointer<T>, UnsafePointer<Int>, Int,
    UnsafeMutablePointer<T>, Int
  ) -> Void

  /// Compares small whole numbers, whose sums are exact. Gradients are `[columns, places]`, packed in
  /// two parts.
  private func check<T: BinaryFloatingPoint>(_ test: Case, _ pack: Pack<T>, _ sum: Sum<T>) {
    let (images, rows, columns) = test.places
    let count = images * rows * columns
    let row = columns * test.step + 2
    let image = rows * row + 5
    let x = (0..<images * image + 8 * test.taps).map { T($0 * 7 % 11 - 5) }
    let g = (0..<test.columns * count + 1).map { T($0 * 5 % 13 - 6) }
    let offsets = (0..<test.taps).map { $0 * 8 % (5 * test.taps) }
    let stride = (test.columns + 15) / 16 * 16
    var packed = [T](repeating: .nan, count: max(count * stride, 1))
    for range in [0..<count / 3, count / 3..<count] {
      pack(
        Array(g[range.lowerBound...]), count, 1, test.columns, range.lowerBound, range.count, count,
        &packed)
    }
    var w = [T](repeating: 3, count: test.taps * stride)
    var places = ck_places(
      images: images, x_image: image, rows: rows, x_row: row, columns: columns,
      x_column: test.step)
    sum(&places, packed, test.columns, x, offsets, test.taps, &w, stride)
    for tap in 0..<test.taps {
      for column in 0..<test.columns {
        var expected: T = 3
        for place in 0..<count {
          let (n, r, q) = (place / (rows * columns), place / columns % rows, place % columns)
          expected +=
            x[offsets[tap] + n * image + r * row + q * test.step] * g[column * count + place]
        }
        #expect(w[tap * stride + column] == expected)
      }
    }
  }
}
