import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// An operator that reduces each image `[N, C, …]` to one number: `[N, C, 1, …]`.
protocol GlobalPoolOperator: Operator {
  /// The reduction by plain loops, for any element type.
  func kernel<T: RealElement & PoolElement>(_ type: T.Type, _ window: Window, images: Int)
    -> Kernel
  /// The vectorised reduction of one float32 image; `nil` if there is none.
  static var vectorised: (@Sendable (UnsafePointer<Float>, Int) -> Float)? { get }
}

extension GlobalPoolOperator {
  static var vectorised: (@Sendable (UnsafePointer<Float>, Int) -> Float)? { nil }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    guard var shape = input.shape else { return [.tensor(input.elementType, nil)] }
    guard shape.rank >= 2 else {
      throw .input(0, "expected rank 2 or higher, got shape \(shape)")
    }
    for axis in 2..<max(shape.rank, 2) { shape[axis] = 1 }
    return [.tensor(input.elementType, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let images = try call.count([sizes[0], sizes[1]])
    let count = images == 0 ? 0 : try call.inputCount(0) / images
    let window = try Window([WindowAxis(input: count, kernel: count)])
    switch try call.elementType(0) {
    case .float32:
      guard let reduce = Self.vectorised else { return kernel(Float.self, window, images: images) }
      call.note("vectorised")
      let tiles = Tiles(images, cost: count)
      let tile: Buffers.Tile = { buffers, task, _ in
        let x = buffers.input(0, as: Float.self)
        let y = buffers.output(0, as: Float.self)
        for image in tiles[task] { y[image] = reduce(x + image * count, count) }
      }
      return .compute { buffers in buffers.parallel(tiles.count, tile) }
    case .float64: return kernel(Double.self, window, images: images)
    case .float16, .bfloat16: return try call.widened(prepare)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }
}

/// The mean of each image.
struct GlobalAveragePool: GlobalPoolOperator {
  static let schema = Schema(
    "GlobalAveragePool", [1: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)
  static var eightBitForm: EightBitForm { .ownScale }

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func kernel<T: RealElement & PoolElement>(_ type: T.Type, _ window: Window, images: Int)
    -> Kernel
  {
    poolingKernel(WindowMean<T>(), window, images: images)
  }
  static let vectorised: (@Sendable (UnsafePointer<Float>, Int) -> Float)? = { x, count in
    Float(ck_reduce_sum(x, count) / Double(count))
  }
}

/// The largest element of each image.
struct GlobalMaxPool: GlobalPoolOperator {
  static let schema = Schema(
    "GlobalMaxPool", [1: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func kernel<T: RealElement & PoolElement>(_ type: T.Type, _ window: Window, images: Int)
    -> Kernel
  {
    poolingKernel(Largest<T>(), window, images: images)
  }
  static let vectorised: (@Sendable (UnsafePointer<Float>, Int) -> Float)? = {
    ck_reduce_max($0, $1, -.infinity)
  }
}

/// `(Σ |x|ᵖ)^(1/p)` of each image.
struct GlobalLpPool: GlobalPoolOperator {
  static let schema = Schema(
    "GlobalLpPool", [1: .floats, 2: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)
  let p: Double

  init(_ node: inout NodeReader) throws(OperatorError) { p = try node.normOrder() }

  func kernel<T: RealElement & PoolElement>(_ type: T.Type, _ window: Window, images: Int)
    -> Kernel
  {
    poolingKernel(Norm<T>(p: p), window, images: images)
  }
}

extension GlobalLpPool {
  static var versionSteps: [VersionStep] {
    [
      .integerOrder
    ]
  }
}
