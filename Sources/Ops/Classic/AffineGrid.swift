import ONNXFormat

/// For every pixel of an image of that `size` its position, −1 to 1, moved by `theta`:
/// `[N, H, W, 2]` from `[N, 2, 3]`, or `[N, D, H, W, 3]` from `[N, 3, 4]`.
struct AffineGrid: Operator {
  static let schema = Schema("AffineGrid", [20: [.floats, .bfloat16]], inputs: 2...2)
  let alignsCorners: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    alignsCorners = try node.flag("align_corners")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let theta = try inputs.tensor(0)
    let matrices = try inputs.shape(0, rank: 3)
    _ = try inputs.tensor(1, .int64)
    let count = try inputs.shape(1, rank: 1)?[0].size ?? matrices?[1].size.map { $0 + 2 }
    guard let count else { return [.tensor(theta.elementType, nil)] }
    guard count == 4 || count == 5 else {
      throw .input(1, "expected 4 or 5 sizes, got \(count)")
    }
    let rank = count - 2
    for (axis, wanted) in [(1, rank), (2, rank + 1)] {
      if let size = matrices?[axis].size, size != wanted {
        throw .input(0, "expected size \(wanted) at axis \(axis), got \(size)")
      }
    }
    var shape = Shape(rank: count)
    shape[0] = matrices?[0] ?? .unknown
    shape[count - 1] = .size(rank)
    if let sizes = try inputs.integers(1) {
      guard sizes.count == count, sizes.allSatisfy({ $0 >= 0 }) else {
        throw .input(1, "expected \(count) sizes, got \(sizes)")
      }
      do { shape[0] = try unify(shape[0], .size(sizes[0])) } catch {
        throw .input(1, "expected \(shape[0]) images, got \(sizes[0])")
      }
      for axis in 0..<rank { shape[axis + 1] = .size(sizes[axis + 2]) }
    }
    return [.tensor(theta.elementType, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let shape = try call.outputSizes(0)
    switch try call.elementType(0) {
    case .float32: return kernel(Float.self, shape)
    case .float64: return kernel(Double.self, shape)
    case .float16: return kernel(Float16.self, shape)
    default: return kernel(BFloat16.self, shape)
    }
  }

  private func kernel<T: RealElement>(_ type: T.Type, _ shape: [Int]) -> Kernel {
    let spatial = Array(shape[1..<shape.count - 1])
    let rank = spatial.count
    // A shape that overflows fails when its memory is asked for.
    if shape.contains(0) || shape.elementCount == nil { return .compute { _ in } }
    let pixels = spatial.wrappingProduct
    let tiles = Tiles(pixels, cost: 8)
    let tile: Buffers.Tile = { buffers, task, _ in
      let (image, part) = task.quotientAndRemainder(dividingBy: tiles.count)
      let theta = buffers.input(0, as: T.self) + image * rank * (rank + 1)
      let y = buffers.output(0, as: T.self) + image * pixels * rank
      for pixel in tiles[part] {
        for row in 0..<rank {
          let line = theta + row * (rank + 1)
          var sum = Double(line[rank].compute)
          var rest = pixel
          // The columns of `theta` begin with the last axis, x.
          for axis in 0..<rank {
            let size = spatial[rank - 1 - axis]
            let index: Int
            (rest, index) = rest.quotientAndRemainder(dividingBy: size)
            sum += Double(line[axis].compute) * position(index, of: size)
          }
          y[pixel * rank + row] = T(compute: T.Compute(sum))
        }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count * shape[0], tile) }
  }

  private func position(_ index: Int, of size: Int) -> Double {
    if alignsCorners { return size == 1 ? -1 : Double(index) * 2 / Double(size - 1) - 1 }
    return (Double(index) * 2 + 1) / Double(size) - 1
  }
}
