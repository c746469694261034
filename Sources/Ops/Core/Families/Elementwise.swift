import ONNXFormat
import RealModule

/// `y[i] = f(x[i])` for so many elements; `y` may be `x`.
public typealias UnaryLoop<X, Y> =
  @Sendable (UnsafePointer<X>, UnsafeMutablePointer<Y>, Int) -> Void

/// `y = f(x)` for every element: an operator is its schema, its attributes and `apply`.
public protocol ElementwiseOperator: Operator {
  /// One element, in `Float` or `Double`.
  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T

  /// A loop over contiguous float32 elements that is faster than `apply`, where there is one.
  var vectorised: UnaryLoop<Float, Float>? { get }

  /// The work of one element, in units of a simple arithmetic operation.
  var cost: Int { get }

  /// The kernel for a floating-point type; `nil` for others. A requirement, so that its loops are
  /// compiled for each operator.
  func realKernel(_ type: ElementType, _ count: Int) -> Kernel?
}

/// An elementwise operator that takes integers as well.
public protocol IntegerElementwiseOperator: ElementwiseOperator {
  func apply<T: FixedWidthInteger>(integer x: T) -> T

  /// The kernel for an integer type; `nil` for others. A requirement, so that its loops are
  /// compiled for each operator.
  func integerKernel(_ type: ElementType, _ count: Int) -> Kernel?
}

/// An operator without attributes: `consumed_inputs`, which operator set 1 had on many, was a hint
/// for in-place memory that means nothing here.
public protocol AttributeFreeOperator: Operator {
  init()
}

extension AttributeFreeOperator {
  public init(_ node: inout NodeReader) throws(OperatorError) {
    self.init()
    try node.skipConsumedInputs()
  }
}

extension NodeReader {
  /// Reads operator set 1's `consumed_inputs`, a hint for in-place memory that means nothing here.
  public mutating func skipConsumedInputs() throws(OperatorError) {
    if version < 6 { _ = try optionalInts("consumed_inputs") }
  }
}

extension ElementwiseOperator {
  public var vectorised: UnaryLoop<Float, Float>? { nil }
  public var cost: Int { 1 }
  public var overwritableInputs: [Int] { [0] }

  public func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(try inputs.tensor(0))]
  }

  public func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0)
    guard let kernel = realKernel(try call.elementType(0), count) else {
      throw .input(0, "expected floating point, got \(try call.elementType(0))")
    }
    return kernel
  }

  @inlinable public func realKernel(_ type: ElementType, _ count: Int) -> Kernel? {
    switch type {
    case .float32: elementKernel(count, cost: cost, floatLoop)
    case .float64:
      elementKernel(count, cost: 2 * cost) {
        (x: UnsafePointer<Double>, y: UnsafeMutablePointer<Double>, count) in
        for i in 0..<count { y[i] = self.apply(x[i]) }
      }
    case .float16: elementKernel(count, cost: cost + 1, throughFloat(Float16.self, floatLoop))
    case .bfloat16: elementKernel(count, cost: cost + 1, throughFloat(BFloat16.self, floatLoop))
    default: nil
    }
  }

  @inlinable var floatLoop: UnaryLoop<Float, Float> {
    vectorised ?? { x, y, count in for i in 0..<count { y[i] = self.apply(x[i]) } }
  }
}

extension IntegerElementwiseOperator {
  public func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0)
    let type = try call.elementType(0)
    guard let kernel = realKernel(type, count) ?? integerKernel(type, count) else {
      throw .input(0, "expected numbers, got \(type)")
    }
    return kernel
  }

  @inlinable public func integerKernel(_ type: ElementType, _ count: Int) -> Kernel? {
    switch type {
    case .int8: kernel(Int8.self, through: Int32.self, count)
    case .int16: kernel(Int16.self, through: Int32.self, count)
    case .int32: kernel(Int32.self, count)
    case .int64: kernel(Int64.self, count)
    case .uint8: kernel(UInt8.self, through: Int32.self, count)
    case .uint16: kernel(UInt16.self, through: Int32.self, count)
    case .uint32: kernel(UInt32.self, through: Int64.self, count)
    case .uint64: kernel(UInt64.self, count)
    default: nil
    }
  }

  @inlinable func kernel<T: FixedWidthInteger & Element>(_ type: T.Type, _ count: Int) -> Kernel {
    elementKernel(count, cost: cost, integerLoop(type))
  }

  @inlinable func kernel<T: FixedWidthInteger & Element, W: FixedWidthInteger & Sendable>(
    _ type: T.Type, through wide: W.Type, _ count: Int
  ) -> Kernel {
    elementKernel(count, cost: cost + 1, throughWide(type, integerLoop(wide)))
  }

  @inlinable func integerLoop<T: FixedWidthInteger & Sendable>(_ type: T.Type) -> UnaryLoop<T, T> {
    { x, y, count in for i in 0..<count { y[i] = self.apply(integer: x[i]) } }
  }
}

/// A loop over 16-bit elements that goes through blocks of `Float`.
public func throughFloat<T: HalfFloat>(
  _ type: T.Type, _ loop: @escaping UnaryLoop<Float, Float>
) -> UnaryLoop<T, T> {
  { x, y, count in
    T.withBlocks(1) { block in
      for start in stride(from: 0, to: count, by: T.block) {
        let size = min(T.block, count - start)
        T.widen(x + start, block, size)
        loop(block, block, size)
        T.narrow(block, y + start, size)
      }
    }
  }
}

/// A loop over small integers that goes through blocks of a wider type, into which all of their
/// values fit; results are cut to the small type's bits.
@inline(never)
public func throughWide<T: FixedWidthInteger & Sendable, W: FixedWidthInteger & Sendable>(
  _ type: T.Type, _ loop: @escaping UnaryLoop<W, W>
) -> UnaryLoop<T, T> {
  { x, y, count in
    withUnsafeTemporaryAllocation(of: W.self, capacity: smallBlock) { memory in
      guard let block = memory.baseAddress else { return }
      for start in stride(from: 0, to: count, by: smallBlock) {
        let size = min(smallBlock, count - start)
        widenIntegers(x + start, block, size)
        loop(block, block, size)
        narrowIntegers(block, y + start, size)
      }
    }
  }
}

/// Elements that a loop over small integers widens at a time.
let smallBlock = 512

/// `y[i] = x[i]`
@inline(__always)
func widenIntegers<T: FixedWidthInteger, W: FixedWidthInteger>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<W>, _ count: Int
) {
  for i in 0..<count { y[i] = W(truncatingIfNeeded: x[i]) }
}

/// `y[i] = x[i]`, cut to the bits of `y`.
@inline(__always)
func narrowIntegers<T: FixedWidthInteger, W: FixedWidthInteger>(
  _ x: UnsafePointer<W>, _ y: UnsafeMutablePointer<T>, _ count: Int
) {
  for i in 0..<count { y[i] = T(truncatingIfNeeded: x[i]) }
}

/// A kernel that maps the elements of input 0 to those of output 0, cut into tiles for threads.
public func elementKernel<X, Y>(
  _ count: Int, cost: Int = 1, _ loop: @escaping UnaryLoop<X, Y>
) -> Kernel {
  let tiles = Tiles(count, cost: cost)
  let tile: Buffers.Tile = { buffers, task, _ in
    let range = tiles[task]
    loop(
      buffers.input(0, as: X.self) + range.lowerBound,
      buffers.output(0, as: Y.self) + range.lowerBound, range.count)
  }
  return .compute { buffers in buffers.parallel(tiles.count, tile) }
}

/// A run of elements cut into pieces that are worth a thread's while; the cut depends on nothing
/// but the number of elements and the work of each.
public struct Tiles: Sendable {
  public let elements: Int
  public let size: Int

  /// - Parameter cost: work of one element, in units of a simple arithmetic operation.
  public init(_ elements: Int, cost: Int = 1) {
    self.elements = elements
    self.size = max(1, 32768 / max(cost, 1))
  }

  public var count: Int { elements / size + (elements % size == 0 ? 0 : 1) }

  public subscript(index: Int) -> Range<Int> {
    index * size..<Swift.min(elements, (index + 1) * size)
  }
}
