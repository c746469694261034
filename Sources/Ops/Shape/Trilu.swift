import ONNXFormat
import ONNXOperators

/// The upper or lower triangle of each matrix from its `k`-th diagonal on, and zeros elsewhere.
struct Trilu: DifferentiableOperator {
  static let schema = Schema("Trilu", [14: .any13], inputs: 1...2)
  let isUpper: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    isUpper = try node.flag("upper", default: true)
  }

  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    if let shape = data.shape, shape.rank < 2 {
      throw .input(0, "expected at least rank 2, got shape \(shape)")
    }
    if inputs.has(1) {
      _ = try inputs.tensor(1, .int64)
      if let sizes = try inputs.tensor(1).shape?.sizes, sizes.elementCount != 1 {
        throw .input(1, "expected one element, got shape \(sizes)")
      }
    }
    return [.tensor(data)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    if try call.outputCount(0) == 0 { return .compute { _ in } }
    let sizes = try call.inputSizes(0)
    let triangle = Triangle(
      rows: sizes[sizes.count - 2], columns: sizes[sizes.count - 1],
      count: sizes.dropLast().wrappingProduct, isUpper: isUpper, hasDiagonal: call.inputs.has(1))
    let tile = triangle.tile(Chunk(try call.elementType(0)))
    return .compute { buffers in buffers.parallel(triangle.tiles.count, tile) }
  }

  private struct Triangle: Mover {
    let rows: Int
    let columns: Int
    /// The number of rows of all matrices.
    let count: Int
    let isUpper: Bool
    let hasDiagonal: Bool
    var tiles: Tiles { Tiles(count, cost: columns) }

    func move<T>(_ type: T.Type, _ buffers: Buffers, task: Int) {
      let x = buffers.input(0, as: T.self)
      let y = buffers.output(0, as: T.self)
      let given = hasDiagonal ? Int(buffers.input(1, as: Int64.self)[0]) : 0
      let diagonal = min(max(given, -rows - 1), columns + 1)
      withZero(T.self) { zero in
        for index in tiles[task] {
          let (from, to) = (x + index * columns, y + index * columns)
          let edge = index % rows + diagonal + (isUpper ? 0 : 1)
          let left = min(max(edge, 0), columns)
          if isUpper {
            to.update(repeating: zero.pointee, count: left)
            (to + left).update(from: from + left, count: columns - left)
          } else {
            to.update(from: from, count: left)
            (to + left).update(repeating: zero.pointee, count: columns - left)
          }
        }
      }
    }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    backward.set(
      0,
      backward.builder.node("Trilu", [gradient, backward.input(1)], backward.forward.attributes))
  }
}

extension Trilu {
  static var versionSteps: [VersionStep] {
    [
      .introduced(14) { change throws(OperatorError) in
        let x = try change.input(0)
        let isUpper = try change.int("upper") ?? 1 != 0
        let columns = change.places(change.size(of: x, axis: -1))
        var rows = change.places(change.size(of: x, axis: -2))
        if change.has(1) { rows = change.emit("Add", [rows, try change.input(1)]) }
        rows = change.unsqueeze(rows, [1])
        let isOutside = change.emit(isUpper ? "Less" : "Greater", [columns, rows])
        let zero = try change.scalar(0, try change.elementType(0), "zero")
        change.become("Where", [isOutside, zero, x])
      }
    ]
  }
}
