import ONNXFormat
import ONNXOperators

extension SliceOperator {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        10,
        up: { change throws(OperatorError) in
          for (input, name) in [(1, "starts"), (2, "ends"), (3, "axes")] {
            try change.integersToInput(name, input)
          }
        },
        down: { change throws(OperatorError) in
          if change.has(4) {
            if try change.integers(4).contains(where: { $0 != 1 }) { try change.gatherSteps() }
            if change.isReplaced { return }
            change.setInput(4, "")
          }
          for (input, name) in [(3, "axes"), (2, "ends"), (1, "starts")] {
            try change.integersToAttribute(name, input)
          }
        }),
      VersionStep(
        11,
        down: { change throws(OperatorError) in
          guard let axes = change.constant(3)?.integers, axes.contains(where: { $0 < 0 }) else {
            return
          }
          let list = try normalized(axes: axes, rank: try change.rank(0))
          change.setInput(3, change.integers(list, "axes"))
        }),
    ]
  }
}

extension VersionChange {
  /// Replaces slices with steps other than 1 by `Gather` nodes.
  fileprivate mutating func gatherSteps() throws(OperatorError) {
    let (starts, ends, steps) = (try integers(1), try integers(2), try integers(4))
    let axes = has(3) ? try integers(3) : Array(starts.indices)
    guard starts.count == ends.count, ends.count == steps.count, steps.count == axes.count else {
      throw .input(4, "expected as many steps as axes")
    }
    var x = try input(0)
    var kept: [Int] = []
    for (index, axis) in axes.enumerated() {
      guard steps[index] != 1 else {
        kept.append(index)
        continue
      }
      let axis = try normalized(axis: axis, rank: try rank(0))
      guard let size = tensorType(0)?.shape?[axis].size, size <= 1 << 20, steps[index] != 0 else {
        throw .input(4, "that version supports steps other than 1 only if the sizes are known")
      }
      let isUp = steps[index] > 0
      // A longer step selects the same single element.
      let step = min(max(steps[index], -size - 1), size + 1)
      func place(_ given: Int) -> Int {
        min(max(given < 0 ? given + size : given, isUp ? 0 : -1), isUp ? size : size - 1)
      }
      let places = Array(
        stride(
          from: place(starts[index]), to: ends[index] < -size && !isUp ? -1 : place(ends[index]),
          by: step))
      x = emit("Gather", [x, integers(places, "places")], [.int("axis", axis)])
    }
    if kept.isEmpty { return become("Identity", [x]) }
    setInput(0, x)
    for (input, list) in [(1, starts), (2, ends), (3, axes)] {
      setInput(input, integers(kept.map { list[$0] }, "kept"))
    }
  }
}
