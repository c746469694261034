import ONNXFormat
import RealModule

/// `y = f(x)` for every element: an operator is its schema, its attributes and `apply`.
protocol ElementwiseOperator: Operator {
  /// One element, in `Float` or `Double`.
  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T

  /// A loop over contiguous float32 elements that is faster than `apply`, where there is one.
  var vectorised: (@Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void)? {
    get
  }
}

/// An elementwise operator that takes integers as well.
protocol IntegerElementwiseOperator: ElementwiseOperator {
  func apply<T: FixedWidthInteger>(integer x: T) -> T
}

extension ElementwiseOperator {
  var vectorised: (@Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void)? {
    nil
  }

  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(try inputs.tensor(0))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0)
    guard let kernel = realKernel(try call.elementType(0), count) else {
      throw .input(0, "no kernel for \(try call.elementType(0))")
    }
    return kernel
  }

  /// The kernel for a floating-point type; `nil` for others.
  func realKernel(_ type: ElementType, _ count: Int) -> Kernel? {
    switch type {
    case .float32:
      if let loop = vectorised { return elementLoop(Float.self, count, loop) }
      return kernel(Float.self, count)
    case .float64: return kernel(Double.self, count)
    case .float16: return kernel(Float16.self, count)
    case .bfloat16: return kernel(BFloat16.self, count)
    default: return nil
    }
  }

  private func kernel<T: RealElement>(_ type: T.Type, _ count: Int) -> Kernel {
    elementLoop(T.self, count) { x, y, count in
      for i in 0..<count { y[i] = T(compute: self.apply(x[i].compute)) }
    }
  }
}

extension IntegerElementwiseOperator {
  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0)
    let type = try call.elementType(0)
    guard let kernel = realKernel(type, count) ?? integerKernel(type, count) else {
      throw .input(0, "no kernel for \(type)")
    }
    return kernel
  }

  private func integerKernel(_ type: ElementType, _ count: Int) -> Kernel? {
    switch type {
    case .int8: kernel(Int8.self, count)
    case .int16: kernel(Int16.self, count)
    case .int32: kernel(Int32.self, count)
    case .int64: kernel(Int64.self, count)
    case .uint8: kernel(UInt8.self, count)
    case .uint16: kernel(UInt16.self, count)
    case .uint32: kernel(UInt32.self, count)
    case .uint64: kernel(UInt64.self, count)
    default: nil
    }
  }

  private func kernel<T: FixedWidthInteger & Element>(_ type: T.Type, _ count: Int) -> Kernel {
    elementLoop(T.self, count) { x, y, count in
      for i in 0..<count { y[i] = self.apply(integer: x[i]) }
    }
  }
}

/// A kernel that maps the elements of input 0 to those of output 0, cut into tiles for threads.
func elementLoop<T>(
  _ type: T.Type, _ count: Int,
  _ loop: @escaping @Sendable (UnsafePointer<T>, UnsafeMutablePointer<T>, Int) -> Void
) -> Kernel {
  let tiles = Tiles(count)
  let tile: Buffers.Tile = { buffers, task, _ in
    let range = tiles[task]
    loop(
      buffers.input(0, as: T.self) + range.lowerBound,
      buffers.output(0, as: T.self) + range.lowerBound, range.count)
  }
  return .compute { buffers in buffers.parallel(tiles.count, tile) }
}

/// A run of elements cut into pieces that are worth a thread's while; the cut depends on nothing
/// but the number of elements and the work of each.
struct Tiles: Sendable {
  let elements: Int
  let size: Int

  /// - Parameter cost: work of one element, in units of a simple arithmetic operation.
  init(_ elements: Int, cost: Int = 1) {
    self.elements = elements
    self.size = max(1, 32768 / max(cost, 1))
  }

  var count: Int { (elements + size - 1) / size }

  subscript(index: Int) -> Range<Int> {
    index * size..<Swift.min(elements, (index + 1) * size)
  }
}
