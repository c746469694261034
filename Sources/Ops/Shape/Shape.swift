import ONNXFormat
import ONNXOperators

/// The sizes of the dimensions of the input from `start` up to but not including `end`.
struct ShapeOperator: Operator {
  static let schema = Schema(
    "Shape",
    [
      1: .classic, 13: .any13, 15: .any13, 19: .any19, 21: .any21, 23: .any23, 24: .any24,
      25: .any25,
    ], inputs: 1...1)
  static var widening: Widening { .exact }
  let start: Int
  let end: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    start = node.version >= 15 ? try node.int("start", default: 0) : 0
    end = node.version >= 15 ? try node.int("end", default: Int.max) : Int.max
  }

  var needsOnlyTypes: Bool { true }

  private func range(rank: Int) -> Range<Int> {
    func clamp(_ axis: Int) -> Int { min(max(axis < 0 ? axis + rank : axis, 0), rank) }
    return clamp(start)..<max(clamp(start), clamp(end))
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let count = try inputs.tensor(0).shape.map { range(rank: $0.rank).count }
    return [.tensor(.int64, [Dimension(count)])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let values = sizes[range(rank: sizes.count)].map(Int64.init)
    return .compute { buffers in
      let y = buffers.output(0, as: Int64.self)
      for (index, value) in values.enumerated() { y[index] = value }
    }
  }
}

extension ShapeOperator {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        15,
        down: { change throws(OperatorError) in
          let (start, end) = (try change.int("start") ?? 0, try change.int("end"))
          change.drop("start", "end")
          guard start != 0 || end != nil else { return }
          let bounds = [
            change.integers([start], "start"), change.integers([end ?? Int.max], "end"),
          ]
          change.follow(0, "Slice", bounds, type: TensorType(.int64, Shape(rank: 1)))
        })
    ]
  }
}

extension ShapeOperator {
  static func listedDimensions(_ node: Node, rank: Int) -> Range<Int>? {
    func place(_ name: String, _ value: Int) -> Int {
      let given = node.integer(name) ?? value
      return min(max(given < 0 ? given + rank : given, 0), rank)
    }
    let start = place("start", 0)
    return start..<max(start, place("end", rank))
  }
}
