import ONNXOperators

/// The division of long sums of products into parts that float32 adds exactly.
package struct ExactCut {
  /// Integers up to this magnitude are exact in float32.
  private static let limit = 1 << 24 - 1
  /// The largest product of two differences of bytes.
  private static let largest = 255 * 255

  private let spans: [(low: Int, high: Int)]

  /// - Parameter spans: for each of several cases, the range of the values that multiply the
  ///   weights; it contains zero
  package init(spans: [(low: Int, high: Int)]) { self.spans = spans }

  /// The fewest runs of terms such that every partial sum of a run's products is exact.
  ///
  /// - Parameters:
  ///   - products: the number of products per term
  ///   - lines: the number of sums
  ///   - weights: writes the magnitudes of the sums of a term's positive and negative weights for
  ///     each line
  /// - Returns: `nil` if a single term is too large
  package func runs(
    terms: Int, products: Int, lines: Int,
    weights: (_ term: Int, _ up: UnsafeMutablePointer<Int>, _ down: UnsafeMutablePointer<Int>) ->
      Void
  ) -> [Range<Int>]? {
    let most = Int.work(Self.largest, products)
    var up = [Int](repeating: 0, count: lines)
    var down = up
    var (ups, downs) = (up, down)
    // The magnitude by which any sum may still grow.
    var spare = Self.limit
    var runs: [Range<Int>] = []
    var first = 0
    for term in 0..<terms {
      up.withUnsafeMutableBufferPointer { up in
        down.withUnsafeMutableBufferPointer { down in
          guard let up = up.baseAddress, let down = down.baseAddress else { return }
          weights(term, up, down)
        }
      }
      Self.add(up, to: &ups)
      Self.add(down, to: &downs)
      spare = spare >= most ? spare - most : Self.limit - largestSum(ups, downs)
      if spare >= 0 { continue }
      spare = Self.limit - largestSum(up, down)
      guard spare >= 0 else { return nil }
      runs.append(first..<term)
      first = term
      (ups, downs) = (up, down)
    }
    runs.append(first..<terms)
    return runs
  }

  private static func add(_ terms: [Int], to sums: inout [Int]) {
    sums.withUnsafeMutableBufferPointer { sums in
      terms.withUnsafeBufferPointer { terms in
        for line in sums.indices { sums[line] &+= terms[line] }
      }
    }
  }

  /// The largest magnitude of a partial sum of a line with these sums of weights.
  private func largestSum(_ ups: [Int], _ downs: [Int]) -> Int {
    var largest = 0
    for (low, high) in spans {
      for (up, down) in zip(ups, downs) {
        largest = max(largest, high &* up &- low &* down, high &* down &- low &* up)
      }
    }
    return largest
  }
}
