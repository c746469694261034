import ONNXOperators
import ONNXProducts

/// The rows of X where all of them are one-hot vectors or zeros, as those of a text's characters are.
///
/// Their product with a matrix picks one of its rows. Where all weights are finite, that has the bits
/// of the product.
struct OneHotRows {
  /// The column of each row's 1; −1 for a row of zeros.
  private let columns: UnsafePointer<Int32>

  /// Whether rows of that width may be worth a look at every element.
  static func areLikely(width: Int) -> Bool { (16...4096).contains(width) }

  /// Memory that `find` needs, in elements.
  static func memory(rows: Int) -> Int { rows == .max ? rows : rows + 1 }

  /// Looks for the ones of all rows, until a row has anything else, and notes what it finds.
  static func find<T: GateValue>(
    _ x: UnsafePointer<T>, rows: Int, width: Int, _ memory: UnsafeMutablePointer<Int32>
  ) {
    memory[0] = 0
    var row = x
    for index in 0..<rows {
      var column: Int32 = -1
      for i in 0..<width where row[i] != 0 {
        guard row[i] == 1, column < 0 else { return }
        column = Int32(truncatingIfNeeded: i)
      }
      memory[1 + index] = column
      row += width
    }
    memory[0] = 1
  }

  /// What `find` has noted; `nil` if the rows are others.
  init?(_ memory: UnsafePointer<Int32>) {
    guard memory[0] == 1 else { return nil }
    columns = memory + 1
  }

  /// The column of a row's 1; `nil` for a row of zeros.
  subscript(row: Int) -> Int? { columns[row] < 0 ? nil : Int(columns[row]) }
}

extension PackedLayout {
  /// `y += x · matrix` for a one-hot vector x, with units of this layout.
  /// - Parameters:
  ///   - column: the place of the 1
  ///   - packed: the panels from the first of the units on
  func pick<T: GateValue>(
    _ column: Int, _ packed: UnsafePointer<T>, units: Int, stride: Int,
    _ y: UnsafeMutablePointer<T>
  ) {
    for first in Swift.stride(from: 0, to: units, by: panel) {
      let width = min(panel, units - first)
      for gate in 0..<gates {
        (y + gate * stride + first)
          .add(packed + offset(first) + (gate * depth + column) * width, width)
      }
    }
  }
}
