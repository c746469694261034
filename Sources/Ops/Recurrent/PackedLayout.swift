import ONNXFormat

/// How the weights of some gates lie in memory for `GateValue.multiply`: panels of units, in each
/// all gates, in each the weights of the panel's units for every k together.
struct PackedLayout: Sendable {
  /// Gates whose products are made together.
  let gates: Int
  /// Units of a gate.
  let hidden: Int
  /// Elements of a row that is multiplied.
  let depth: Int
  /// Units are filled up to a multiple of this; their weights are 0.
  let lanes: Int
  /// Units of a panel; the last one may be narrower.
  let panel: Int

  /// Units, filled up.
  var padded: Int { (hidden + lanes - 1) / lanes * lanes }
  /// Where the panel that begins at `unit` lies.
  func offset(_ unit: Int) -> Int { unit * gates * depth }

  /// Packs the panels of `units` from a matrix `[gates · hidden, depth]`.
  func pack<E: RealElement>(
    _ source: UnsafePointer<E>, _ units: Range<Int>, _ target: UnsafeMutablePointer<E.Compute>
  ) {
    for first in stride(from: units.lowerBound, to: units.upperBound, by: panel) {
      let width = min(panel, padded - first)
      for gate in 0..<gates {
        let block = target + offset(first) + gate * width * depth
        // A few rows and columns at a time, so that both sides stay in the cache.
        for group in stride(from: 0, to: width, by: 8) {
          for k in stride(from: 0, to: depth, by: 16) {
            let end = min(k + 16, depth)
            for unit in group..<group + 8 {
              var place = block + k * width + unit
              guard first + unit < hidden else {
                for _ in k..<end {
                  place.pointee = 0
                  place += width
                }
                continue
              }
              let row = source + (gate * hidden + first + unit) * depth
              for k in k..<end {
                place.pointee = row[k].compute
                place += width
              }
            }
          }
        }
      }
    }
  }
}
