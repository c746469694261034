import ONNXFormat
import ONNXOperators

/// A tensor with a new axis of size `depth` that holds the "on" value at the index and the "off" value
/// elsewhere, or everywhere for an index outside `[−depth, depth)`. `values` is `[off, on]`.
struct OneHot: Operator {
  static let schema = Schema(
    "OneHot", [9: [.floats, .integers], 11: [.floats, .integers], 28: [.floats, .integers]],
    inputs: 3...3)
  let axis: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: -1)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let indices = try inputs.tensor(0, .numbers)
    _ = try inputs.tensor(1, .numbers)
    let values = try inputs.tensor(2)
    if let size = try inputs.shape(2, rank: 1)?[0].size, size != 2 {
      throw .input(2, "expected two elements, got \(size)")
    }
    guard var shape = indices.shape else { return [.tensor(values.elementType, nil)] }
    let axis = try normalized(axis: axis, rank: shape.rank + 1)
    shape.dimensions.insert(Dimension(try depth(inputs)), at: axis)
    return [.tensor(values.elementType, shape)]
  }

  private func depth(_ inputs: Inputs) throws(OperatorError) -> Int? {
    guard let tensor = inputs.constant(1) else { return nil }
    let numbers = try tensor.wholeNumbers(input: 1)
    guard numbers.count == 1, numbers[0] >= 0 else {
      throw .input(1, "expected one number that is not negative, got \(numbers)")
    }
    return numbers[0]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let target = try call.outputSizes(0)
    let axis = try normalized(axis: axis, rank: target.count)
    let indexType = try call.elementType(0)
    let count = try call.inputCount(0)
    if try call.outputCount(0) == 0 { return .compute { _ in } }
    let marks = Marks(
      outer: target[..<axis].wrappingProduct, depth: target[axis],
      inner: target[(axis + 1)...].wrappingProduct)
    let tile = marks.tile(Chunk(try call.elementType(2)))
    return .compute(scratch: try scratchBytes(count)) { buffers in
      truncateNumbers(
        indexType, UnsafeRawPointer(buffers.input(0, as: UInt8.self)), count: count,
        buffers.scratch.assumingMemoryBound(to: Int.self))
      buffers.parallel(marks.tiles.count, tile)
    }
  }

  private struct Marks: Mover {
    let outer: Int
    let depth: Int
    let inner: Int
    var tiles: Tiles { Tiles(outer, cost: depth * inner) }

    func move<T>(_ type: T.Type, _ buffers: Buffers, task: Int) {
      let indices = buffers.scratch.assumingMemoryBound(to: Int.self)
      let values = buffers.input(2, as: T.self)
      let y = buffers.output(0, as: T.self)
      let range = tiles[task]
      (y + range.lowerBound * depth * inner)
        .update(repeating: values[0], count: range.count * depth * inner)
      for row in range {
        for column in 0..<inner {
          let index = indices[row * inner + column]
          let place = index < 0 ? index &+ depth : index
          if place >= 0, place < depth { y[(row * depth + place) * inner + column] = values[1] }
        }
      }
    }
  }
}

extension OneHot {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        11,
        down: { change throws(OperatorError) in
          let axis = try change.int("axis") ?? -1
          // −1, the last axis, was already allowed.
          guard axis < -1 else { return }
          let rank = try change.rank(0) + 1
          change.set(.int("axis", try normalized(axis: axis, rank: rank)))
        })
    ] + VersionStep.types(ofInput: 2, [(9, .classic), (28, .all)])
  }
}

extension OneHot {
  static func exactInputs(_ node: Node) -> [Int] { [0, 1, 2] }
}
