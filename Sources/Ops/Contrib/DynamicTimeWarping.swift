import ONNXFormat
import ONNXOperators

/// The cheapest path through a matrix of costs `[m, n]` or `[1, m, n]` from its first element to its
/// last, by steps to the right, down or both: the int32 rows and columns of its elements, `[2, steps]`.
struct DynamicTimeWarping: FlatOperator {
  static let schema = Schema(
    "DynamicTimeWarping", domain: ContribOperators.domain, [1: .float32], inputs: 1...1)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    if let shape = try inputs.tensor(0).shape {
      guard shape.rank == 2 || shape.rank == 3 && shape[0].size ?? 1 == 1 else {
        throw .input(0, "expected one matrix, got shape \(shape)")
      }
    }
    return [.tensor(.int32, [2, .unknown])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      let costs = try call.tensor(0)
      let (rows, columns) = (
        costs.shape[costs.shape.count - 2], costs.shape[costs.shape.count - 1]
      )
      let path = try Self.path(costs, rows, columns, call)
      let result = try call.allocate(.int32, [2, path.count])
      let target = result.storage.pointer.assumingMemoryBound(to: Int32.self)
      for (index, place) in path.reversed().enumerated() {
        target[index] = Int32(place.row)
        target[path.count + index] = Int32(place.column)
      }
      return [.tensor(result)]
    }
  }

  private enum Step: UInt8 { case both, down, right }

  /// The elements of the path, last first.
  private static func path(
    _ costs: Tensor, _ rows: Int, _ columns: Int, _ call: borrowing Call
  ) throws(OperatorError) -> [(row: Int, column: Int)] {
    guard rows > 0, columns > 0 else { return [] }
    guard rows < Int32.max, columns < Int32.max else {
      throw .unsupported("a matrix of \(rows) × \(columns)")
    }
    let steps = try call.allocate(.uint8, [rows, columns])
    let from = steps.storage.pointer.assumingMemoryBound(to: UInt8.self)
    let elements = costs.elements(as: Float.self)
    // The totals of the row above and of this one, with a border of infinities on the left.
    var above = [Float](repeating: .infinity, count: columns + 1)
    above[0] = 0
    for row in 0..<rows {
      var own = [Float](repeating: .infinity, count: columns + 1)
      for column in 0..<columns {
        let (both, down, right) = (above[column], above[column + 1], own[column])
        let step: Step
        let best: Float
        if both < down, both < right {
          (step, best) = (.both, both)
        } else if down < both, down < right {
          (step, best) = (.down, down)
        } else {
          (step, best) = (.right, right)
        }
        own[column + 1] = best + elements[row * columns + column]
        from[row * columns + column] = step.rawValue
      }
      above = own
    }
    var path: [(row: Int, column: Int)] = []
    var (row, column) = (rows - 1, columns - 1)
    while row >= 0, column >= 0 {
      path.append((row, column))
      let step = Step(rawValue: from[row * columns + column])
      if step != .right { row -= 1 }
      if step != .down { column -= 1 }
    }
    return path
  }
}
