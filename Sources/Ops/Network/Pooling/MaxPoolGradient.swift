import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

extension MaxPool: DifferentiableOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let x = backward.input(0)
    if backward.operatorSet < 8 {
      // Version 8 adds the output of indices.
      var node = backward.forward
      node.operatorSetVersion = 8
      backward.replaceForward(with: node)
    }
    let places = backward.output(1)
    backward.set(
      0,
      backward.builder.privateNode(
        MaxPoolGrad.schema.name, [gradient, places, x],
        isColumnMajor ? [.int("storage_order", 1)] : windows.isHalving ? [.int("halving", 1)] : [],
        hint: "\(x)_grad"))
  }
}

extension WindowAttributes {
  /// Whether windows are 2 × 2 without overlap, gaps or padding.
  fileprivate var isHalving: Bool {
    kernel == [2, 2] && strides == [2, 2] && !ceilMode
      && (autoPad == .valid || autoPad == .notSet && pads?.allSatisfy { $0 == 0 } ?? true)
      && dilations?.allSatisfy { $0 == 1 } ?? true
  }
}

extension GlobalMaxPool: DifferentiableOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let inputs = [gradient, backward.input(0), backward.output(0)]
    backward.set(
      0,
      backward.builder.privateNode(
        GlobalMaxPoolGrad.schema.name, inputs, hint: "\(backward.input(0))_grad"))
  }
}

/// The gradient of `MaxPool`: adds each element of the gradient of the result to the element that
/// was the maximum. Inputs are that gradient, the indices, and the images, of which only the shape
/// is read.
struct MaxPoolGrad: Operator {
  static let schema = Schema(
    "MaxPoolGrad", domain: "swift.onnx", [1: [.floats, .bfloat16]], inputs: 3...3)
  let isColumnMajor: Bool
  /// Whether the windows are 2 × 2 without overlap.
  let isHalving: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    isColumnMajor = try node.flag("storage_order")
    isHalving = try node.flag("halving")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let gradient = try inputs.tensor(0)
    let images = try inputs.tensor(2, sameTypeAs: 0)
    try inputs.check(1, isLike: gradient.shape, type: .int64)
    if let shape = images.shape {
      guard shape.rank >= 3 else {
        throw .input(2, "expected rank 3 or higher, got shape \(shape)")
      }
      var own = Shape(rank: shape.rank)
      for axis in 0..<2 { own[axis] = shape[axis] }
      try inputs.check(0, isLike: own, type: gradient.elementType)
    }
    return [.tensor(images)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(2)
    let images = try call.count(sizes.prefix(2))
    let count = try call.count(sizes.dropFirst(2))
    let places = try call.count(try call.inputSizes(0).dropFirst(2))
    let order = isColumnMajor ? Array(sizes.dropFirst(2)) : nil
    switch try call.elementType(0) {
    case .float32
    where isHalving && order == nil && sizes.count == 4 && count < Int32.max
      && places == sizes[2] / 2 * (sizes[3] / 2):
      return halvingKernel(images, height: sizes[2], width: sizes[3])
    case .float32: return kernel(images, count, places, order, Float.self)
    case .float64: return kernel(images, count, places, order, Double.self)
    case .float16, .bfloat16: return try call.widened(prepare)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func halvingKernel(_ images: Int, height: Int, width: Int) -> Kernel {
    let (size, count) = (height * width, height / 2 * (width / 2))
    let tiles = Tiles(images, cost: .total(size, count))
    let tile: Buffers.Tile = { buffers, task, _ in
      let range = tiles[task]
      ck_halving_gradient(
        buffers.input(0) + range.lowerBound * count, buffers.input(1) + range.lowerBound * count,
        range.count, height, width, Int64(range.lowerBound * size),
        buffers.output(0) + range.lowerBound * size)
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }

  /// - Parameter order: the sizes of the axes if indices are column-major, or `nil`
  private func kernel<T: RealElement>(
    _ images: Int, _ size: Int, _ count: Int, _ order: [Int]?, _ type: T.Type
  ) -> Kernel {
    let tiles = Tiles(images, cost: .total(size, .work(count, 2)))
    let tile: Buffers.Tile = { buffers, task, _ in
      for image in tiles[task] {
        let first = Int64(image * size)
        let x = buffers.output(0, as: T.self) + image * size
        let g = buffers.input(0, as: T.self) + image * count
        let places = buffers.input(1, as: Int64.self) + image * count
        x.update(repeating: T(compute: 0), count: size)
        for i in 0..<count {
          // A window in the padding has index −1.
          let place = Int(places[i] &- first)
          guard place >= 0, place < size else { continue }
          let own = order.map { Self.rowMajor(place, $0) } ?? place
          x[own] = T(compute: x[own].compute + g[i].compute)
        }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }

  private static func rowMajor(_ place: Int, _ sizes: [Int]) -> Int {
    var rest = place
    var result = 0
    var stride = sizes.reduce(1, *)
    for size in sizes {
      stride /= size
      result += rest % size * stride
      rest /= size
    }
    return result
  }
}

/// The gradient of `GlobalMaxPool`, which goes to the first largest element of each image. Inputs
/// are the gradient of the result, the images, and the result.
struct GlobalMaxPoolGrad: WidenedOperator {
  static let schema = Schema(
    "GlobalMaxPoolGrad", domain: "swift.onnx", [1: [.floats, .bfloat16]], inputs: 3...3)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let images = try inputs.tensor(1, sameTypeAs: 0)
    if var shape = images.shape {
      guard shape.rank >= 2 else {
        throw .input(1, "expected rank 2 or higher, got shape \(shape)")
      }
      for axis in shape.dimensions.indices.dropFirst(2) { shape[axis] = 1 }
      for index in [0, 2] { try inputs.check(index, isLike: shape, type: images.elementType) }
    }
    return [.tensor(images)]
  }

  func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(1)
    let images = try call.count(sizes.prefix(2))
    let count = try call.count(sizes.dropFirst(2))
    let tiles = Tiles(images, cost: .work(count, 2))
    let tile: Buffers.Tile = { buffers, task, _ in
      for image in tiles[task] {
        let x = buffers.input(1, as: T.self) + image * count
        let result = buffers.output(0, as: T.self) + image * count
        let largest = buffers.input(2, as: T.self)[image].compute
        result.update(repeating: T(compute: 0), count: count)
        for i in 0..<count {
          let value = x[i].compute
          guard value == largest || (value.isNaN && largest.isNaN) else { continue }
          result[i] = buffers.input(0, as: T.self)[image]
          break
        }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}
