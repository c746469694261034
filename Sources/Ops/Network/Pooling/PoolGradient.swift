import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// A pooling operator whose gradient for an element is a sum over the windows of the element.
protocol DifferentiablePool: DifferentiableOperator {
  /// The windows over an image, and the number of images.
  func gradientGeometry(_ sizes: [Int]) throws(OperatorError) -> (window: Window, images: Int)
  /// The type of the result for images of the type of input 0.
  func gradientType(_ inputs: Inputs) throws(OperatorError) -> ValueType
  /// Whether the derivative depends on elements and results, and not only on sizes.
  static var needsElements: Bool { get }
  /// Whether counts include elements in the padding.
  var countsPadding: Bool { get }
  /// `dy/dx` for one element of a window; x and y are 0 if `needsElements` is false.
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T, count: Int) -> T
}

extension DifferentiablePool {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let y = Self.needsElements ? backward.output(0) : ""
    backward.set(
      gradientOf: 0, to: PoolGrad<Self>.schema.name, [gradient, backward.input(0), y])
  }
}

extension DifferentiablePool where Self: PoolOperator {
  func gradientGeometry(_ sizes: [Int]) throws(OperatorError) -> (window: Window, images: Int) {
    let window = try windows.window(Array(sizes.dropFirst(2)))
    guard [sizes[0], sizes[1], max(window.outputCount, window.inputCount)].elementCount != nil
    else { throw .invalid("the element count of shape \(sizes) overflows") }
    return (window, window.outputCount == 0 ? 0 : sizes[0] * sizes[1])
  }
  func gradientType(_ inputs: Inputs) throws(OperatorError) -> ValueType { try pooledType(inputs) }
}

extension DifferentiablePool where Self: GlobalPoolOperator {
  func gradientGeometry(_ sizes: [Int]) throws(OperatorError) -> (window: Window, images: Int) {
    guard let all = sizes.elementCount else {
      throw .invalid("the element count of shape \(sizes) overflows")
    }
    let images = all == 0 ? 0 : sizes[0] * sizes[1]
    let count = images == 0 ? 0 : all / images
    return (try Window([WindowAxis(input: count, kernel: count)]), images)
  }
  func gradientType(_ inputs: Inputs) throws(OperatorError) -> ValueType { try infer(inputs)[0] }
  var countsPadding: Bool { false }
}

/// The gradient of a pooling operator. Inputs are the gradient of the result, the images X, and, if
/// the derivative needs it, the result Y.
struct PoolGrad<Base: DifferentiablePool>: Operator {
  static var schema: Schema {
    Schema(Base.schema.name + "Grad", gradientOf: Base.schema, inputs: 2...3, outputs: 1...1)
  }
  let base: Base

  init(_ node: inout NodeReader) throws(OperatorError) { base = try Base(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let images = try inputs.tensor(1, [.floats, .bfloat16])
    let result = try base.gradientType(Inputs(types: [.tensor(images)])).tensorType
    try inputs.check(0, isLike: result?.shape, type: images.elementType)
    if Base.needsElements {
      try inputs.check(2, isLike: result?.shape, type: images.elementType)
    }
    return [.tensor(images)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let (window, images) = try base.gradientGeometry(try call.inputSizes(1))
    let count = try call.inputCount(1)
    guard images > 0 else {
      let bytes = count * (try call.elementType(1)).stride
      return .compute { $0.bytes(output: 0).update(repeating: 0, count: bytes) }
    }
    switch try call.elementType(0) {
    case .float32 where !Base.needsElements: return spread(window, images, call.threads)
    case .float32: return kernel(window, images, Float.self)
    case .float64: return kernel(window, images, Double.self)
    case .float16, .bfloat16: return try call.widened(prepare)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func kernel<T: RealElement>(_ window: Window, _ images: Int, _ type: T.Type) -> Kernel {
    let base = base
    let size = window.inputCount
    let tiles = Tiles(images, cost: .work(window.work, 2))
    let tile: Buffers.Tile = { buffers, task, _ in
      withUnsafeTemporaryAllocation(of: T.Compute.self, capacity: size) { sums in
        for image in tiles[task] {
          for i in 0..<size { sums[i] = 0 }
          let x = buffers.input(1, as: T.self) + image * size
          let g = buffers.input(0, as: T.self) + image * window.outputCount
          let y =
            Base.needsElements ? buffers.input(2, as: T.self) + image * window.outputCount : g
          window.forEach { cz, cy, cx, index in
            let count =
              base.countsPadding
              ? window.countWithPadding(index) : cz.count * cy.count * cx.count
            let value = g[index].compute
            if Base.needsElements {
              let result = y[index].compute
              window.forEachElement(cz, cy, cx) { place, _ in
                sums[place] += value * base.derivative(x[place].compute, result, count: count)
              }
            } else {
              let part = value * base.derivative(0, 0, count: count)
              window.forEachElement(cz, cy, cx) { place, _ in sums[place] += part }
            }
          }
          let result = buffers.output(0, as: T.self) + image * size
          for i in 0..<size { result[i] = T(compute: sums[i]) }
        }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }

  /// The gradient of float32 means, row by row.
  private func spread(_ window: Window, _ images: Int, _ threads: Int) -> Kernel {
    let shape = window.c
    let row = window.x.output.vectors
    let counts = (window.z.output + window.y.output + window.x.output).vectors
    let countsPadding = base.countsPadding
    let tiles = Tiles(images, cost: window.inputCount + window.outputCount)
    let tile: Buffers.Tile = { buffers, task, thread in
      let range = tiles[task]
      let x = buffers.output(0, as: Float.self) + range.lowerBound * window.inputCount
      let z = buffers.scratch.assumingMemoryBound(to: Float.self)
      let y = z + window.z.output
      withUnsafePointer(to: shape) { shape in
        ck_spread_windows(
          shape, buffers.input(0) + range.lowerBound * window.outputCount, range.count, z, y,
          y + window.y.output, x, z + counts + thread * row)
      }
    }
    let scratch = Int.work(.total(counts, .work(threads, row)), MemoryLayout<Float>.stride)
    return .compute(scratch: scratch) { buffers in
      window.writeCounts(
        buffers.scratch.assumingMemoryBound(to: Float.self), withPadding: countsPadding)
      buffers.parallel(tiles.count, tile)
    }
  }
}

extension AveragePool: DifferentiablePool {
  static let needsElements = false
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T, count: Int) -> T { 1 / T(count) }
}

extension GlobalAveragePool: DifferentiablePool {
  static let needsElements = false
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T, count: Int) -> T { 1 / T(count) }
}

/// `dy/dx` of `y = (Σ |x|ᵖ)^(1/p)`; 0 if x or y is 0.
private func normDerivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T, _ p: Double) -> T {
  guard y > 0, x != 0 else { return 0 }
  let sign: T = x < 0 ? -1 : 1
  if p == 2 { return x / y }
  if p == 1 { return sign }
  return sign * T.pow(abs(x) / y, T(p) - 1)
}

extension LpPool: DifferentiablePool {
  static let needsElements = true
  var countsPadding: Bool { false }
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T, count: Int) -> T {
    normDerivative(x, y, p)
  }
}

extension GlobalLpPool: DifferentiablePool {
  static let needsElements = true
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T, count: Int) -> T {
    normDerivative(x, y, p)
  }
}
