import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// The grid for `GridSample` of an affine map: `theta`, `[N, axes, axes + 1]`, times the
/// coordinates of each element of an image of the given size, from −1 to 1 along each axis, last
/// axis first.
struct AffineGrid: WidenedOperator {
  static let schema = Schema("AffineGrid", [20: [.floats, .bfloat16]], inputs: 2...2)
  let alignsCorners: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    alignsCorners = try node.flag("align_corners")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    let theta = try inputs.shape(0, rank: 3)
    _ = try inputs.tensor(1, .int64)
    let count = try inputs.shape(1, rank: 1)?[0].size
    if let count, count != 4 && count != 5 {
      throw .input(1, "expected 4 or 5 sizes, got \(count)")
    }
    guard let sizes = try inputs.integers(1) else {
      return [.tensor(type, count.map { Shape(rank: $0) })]
    }
    guard sizes.count == 4 || sizes.count == 5, sizes.allSatisfy({ $0 >= 0 }) else {
      throw .input(1, "expected 4 or 5 sizes of 0 or more, got \(sizes)")
    }
    let axes = sizes.count - 2
    for (axis, wanted) in [sizes[0], axes, axes + 1].enumerated() {
      guard let size = theta?[axis].size, size != wanted else { continue }
      throw .input(0, "expected shape [\(sizes[0]),\(axes),\(axes + 1)]")
    }
    return [.tensor(type, Shape([sizes[0]] + sizes.dropFirst(2) + [axes]))]
  }

  func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let output = try call.outputSizes(0)
    guard try call.count(output) > 0 else { return .compute { _ in } }
    let axes = output.count - 2
    let sizes = Array(output[1...axes])
    let places = sizes.reduce(1, *)
    let alignsCorners = alignsCorners
    let tiles = Tiles(output[0] * places, cost: 16)
    let tile: Buffers.Tile = { buffers, task, _ in
      for index in tiles[task] {
        let theta = buffers.input(0, as: T.self) + index / places * axes * (axes + 1)
        let y = buffers.output(0, as: T.self) + index * axes
        for row in 0..<axes {
          var sum = theta[row * (axes + 1) + axes].compute
          var rest = index % places
          for axis in (0..<axes).reversed() {
            let size = T.Compute(sizes[axis])
            let place = T.Compute(rest % sizes[axis])
            rest /= sizes[axis]
            let x =
              alignsCorners
              ? (size > 1 ? 2 * place / (size - 1) - 1 : -1) : (2 * place + 1) / size - 1
            sum += theta[row * (axes + 1) + axes - 1 - axis].compute * x
          }
          y[row] = T(compute: sum)
        }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

extension AffineGrid {
  static var versionSteps: [VersionStep] {
    [
      .introduced(20) { change throws(OperatorError) in
        let sizes = try change.integers(1)
        guard sizes.count == 4 || sizes.count == 5 else {
          throw .input(1, "expected 4 or 5 sizes, got \(sizes.count)")
        }
        let space = Array(sizes.dropFirst(2))
        let count = try change.elementCount(space + [space.count + 1])
        let alignsCorners = try change.int("align_corners") == 1
        // The coordinates of each element of the image, last axis first, and 1.
        var places = [Float](repeating: 1, count: count)
        let strides = rowMajorStrides(space)
        for index in 0..<count / (space.count + 1) {
          for (axis, size) in space.enumerated() {
            let place = Float(index / max(strides[axis], 1) % size)
            places[index * (space.count + 1) + space.count - 1 - axis] =
              alignsCorners
              ? (size > 1 ? 2 * place / Float(size - 1) - 1 : -1)
              : (2 * place + 1) / Float(size) - 1
          }
        }
        let type = try change.elementType(0)
        let grid = change.constant(
          Tensor(shape: [count / (space.count + 1), space.count + 1], places), "places")
        let turned = change.transpose(try change.input(0), [0, 2, 1])
        let own = type == .float32 ? grid : change.emit("Cast", [grid], [change.castTarget(type)])
        let result = change.emit("MatMul", [own, turned])
        change.become(
          "Reshape", [result, change.integers([sizes[0]] + space + [space.count], "shape")])
      }
    ]
  }
}
