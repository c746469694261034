import ONNXFormat
import ONNXOperators
import ONNXShape
import RealModule

/// One step of a gradient method on `n` tensors, each of its own shape and type.
///
/// Inputs: learning rate `R`, number of steps done `T`, then `n` tensors `X`, `n` gradients `G`,
/// and `n` of each state. Outputs: `n` new tensors `X`, then `n` of each new state.
protocol GradientMethod: Operator {
  /// The number of states for each `X`.
  static var stateCount: Int { get }

  /// Whether all inputs are different values.
  var inputsAreDistinct: Bool { get }

  /// Writes the new values of each element after reading its old ones.
  func step<T: Real & BinaryFloatingPoint>(_ step: GradientStep<T>)
}

/// A range of elements of a tensor, with its gradient and states.
struct GradientStep<T> {
  let rate: Double
  let time: Int64
  let count: Int
  let x: UnsafePointer<T>
  let g: UnsafePointer<T>
  /// The states; both are the same for a method with one state.
  let states: (UnsafePointer<T>, UnsafePointer<T>)
  /// The addresses of the new values, which must not be read: outputs that are not wanted share memory.
  let newX: UnsafeMutablePointer<T>
  let newStates: (UnsafeMutablePointer<T>, UnsafeMutablePointer<T>)
}

extension NodeReader {
  /// Whether all inputs of the node are different values.
  var inputsAreDistinct: Bool { Set(node.inputs).count == node.inputs.count }
}

extension GradientMethod {
  var overwritableInputs: [Int] { inputsAreDistinct ? [2] : [] }

  /// The number of tensors that the node updates.
  private func tensorCount(_ inputs: Inputs) throws(OperatorError) -> Int {
    let kinds = 2 + Self.stateCount
    let (count, rest) = (inputs.count - 2).quotientAndRemainder(dividingBy: kinds)
    guard count > 0, rest == 0 else {
      throw .invalid("expected 2 inputs and a multiple of \(kinds), got \(inputs.count)")
    }
    return count
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let count = try tensorCount(inputs)
    _ = try inputs.tensor(0, [.float32, .float64])
    _ = try inputs.tensor(1, .int64)
    for index in 0..<2 {
      if let sizes = try inputs.tensor(index).shape?.sizes, sizes.elementCount != 1 {
        throw .input(index, "expected one element, got shape \(sizes)")
      }
    }
    var types: [ValueType] = []
    for index in 2..<2 + count {
      let tensor = try inputs.tensor(index, [.float32, .float64])
      for kind in 1...1 + Self.stateCount {
        let other = index + kind * count
        let companion = try inputs.tensor(other, sameTypeAs: index)
        if let sizes = tensor.shape?.sizes, let others = companion.shape?.sizes, sizes != others {
          throw .input(other, "expected shape \(sizes) of input \(index), got \(others)")
        }
      }
      types.append(.tensor(tensor))
    }
    return (0...Self.stateCount).flatMap { _ in types }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try tensorCount(call.inputs)
    var parts: [(tasks: Int, tile: Buffers.Tile)] = []
    var block = 0
    for index in 0..<count {
      let tiles = Tiles(try call.inputCount(2 + index), cost: 8)
      block = tiles.size * MemoryLayout<Double>.stride
      switch try call.elementType(2 + index) {
      case .float32: parts.append((tiles.count, try tile(Float.self, call, index, count, tiles)))
      case .float64: parts.append((tiles.count, try tile(Double.self, call, index, count, tiles)))
      case let type: throw .input(2 + index, "expected float32 or float64, got \(type)")
      }
    }
    return .compute(scratch: max(call.threads, 1) * block) { [parts] buffers in
      for (tasks, tile) in parts { buffers.parallel(tasks, tile) }
    }
  }

  private func tile<T: Real & BinaryFloatingPoint & Sendable>(
    _ type: T.Type, _ call: Preparation, _ index: Int, _ count: Int, _ tiles: Tiles
  ) throws(OperatorError) -> Buffers.Tile {
    let rateIsDouble = try call.elementType(0) == .float64
    let last = Self.stateCount
    let wanted = (0...last).map { call.wants(index + $0 * count) }
    return { buffers, task, thread in
      let range = tiles[task]
      let unwanted = buffers.scratch + thread * tiles.size * MemoryLayout<Double>.stride
      func input(_ kind: Int) -> UnsafePointer<T> {
        buffers.input(2 + index + kind * count, as: T.self) + range.lowerBound
      }
      func output(_ kind: Int) -> UnsafeMutablePointer<T> {
        wanted[kind]
          ? buffers.output(index + kind * count, as: T.self) + range.lowerBound
          : unwanted.assumingMemoryBound(to: T.self)
      }
      step(
        GradientStep(
          rate: rateIsDouble
            ? buffers.input(0, as: Double.self)[0] : Double(buffers.input(0, as: Float.self)[0]),
          time: buffers.input(1, as: Int64.self)[0], count: range.count, x: input(0), g: input(1),
          states: (input(2), input(1 + last)), newX: output(0),
          newStates: (output(1), output(last))))
    }
  }
}
