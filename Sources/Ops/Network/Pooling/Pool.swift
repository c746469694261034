import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// An operator that reduces each window over an image `[N, C, …]` to one element.
protocol PoolOperator: Operator {
  var windows: WindowAttributes { get }
}

extension PoolOperator {
  /// The type of the reduced images.
  func pooledType(_ inputs: Inputs) throws(OperatorError) -> ValueType {
    let input = try inputs.tensor(0)
    guard let shape = input.shape else {
      guard let rank = windows.kernel?.count else { return .tensor(input.elementType, nil) }
      return .tensor(input.elementType, Shape(rank: rank + 2))
    }
    guard shape.rank >= 3 else {
      throw .input(0, "expected rank 3 or higher, got shape \(shape)")
    }
    let spatial = try windows.outputs(Array(shape.dropFirst(2)))
    return .tensor(input.elementType, Shape(Array(shape.prefix(2)) + spatial))
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] { [try pooledType(inputs)] }

  /// The windows over an image, and the number of images.
  func geometry(_ call: Preparation) throws(OperatorError) -> (window: Window, images: Int) {
    let sizes = try call.inputSizes(0)
    let window = try windows.window(Array(sizes.dropFirst(2)))
    _ = try call.count([sizes[0], sizes[1], max(window.outputCount, window.inputCount)])
    return (window, window.outputCount == 0 ? 0 : sizes[0] * sizes[1])
  }
}

extension Window {
  /// The number of floats of scratch memory that the vectorised loops need.
  var scratchCount: Int { withUnsafePointer(to: c) { ck_pool_room($0).vectors } }
}

/// The reduction of a window by plain loops.
protocol WindowReduction: Sendable {
  associatedtype Source
  associatedtype Sum
  associatedtype Result
  var start: Sum { get }
  func add(_ sum: inout Sum, _ x: Source)
  /// - Parameter count: the number of elements of the window that the operator counts
  func finish(_ sum: Sum, count: Int) -> Result
}

/// A kernel that reduces every window by plain loops.
///
/// - Parameter countsPadding: whether the count for `finish` includes elements in the padding
func poolingKernel<Reduction: WindowReduction>(
  _ reduction: Reduction, _ window: Window, images: Int, countsPadding: Bool = false
) -> Kernel {
  let tiles = Tiles(images, cost: window.work)
  let tile: Buffers.Tile = { buffers, task, _ in
    for image in tiles[task] where !Deadline.isPassed {
      let x = buffers.input(0, as: Reduction.Source.self) + image * window.inputCount
      let y = buffers.output(0, as: Reduction.Result.self) + image * window.outputCount
      window.forEach { cz, cy, cx, index in
        if index & 0xFF == 0, Deadline.isPassed { return }
        var sum = reduction.start
        window.forEachElement(cz, cy, cx) { place, _ in reduction.add(&sum, x[place]) }
        let count =
          countsPadding ? window.countWithPadding(index) : cz.count * cy.count * cx.count
        y[index] = reduction.finish(sum, count: count)
      }
    }
  }
  return .compute { buffers in buffers.parallel(tiles.count, tile) }
}
