import ONNXFormat
import RealModule

/// A loop that computes `y[i] = f(x[i])`: addresses of `x` and `y`, and the number of elements. `y` may
/// be the same memory as `x`.
public typealias UnaryLoop<X, Y> =
  @Sendable (UnsafePointer<X>, UnsafeMutablePointer<Y>, Int) -> Void

/// `y = f(x)` for every element of a tensor of floats: an operator is its schema, its attributes and
/// `apply`.
///
/// Input 0 and output 0 have the same shape and element type: float16, bfloat16, float32 or float64.
/// The work is split into tasks of a fixed number of elements that any thread may take.
public protocol ElementwiseOperator: Operator {
  /// The result for one element. `T` is `Float` or `Double`; 16-bit floats are computed in `Float`.
  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T

  /// A loop over contiguous float32 elements that is faster than `apply`; `nil`, the default, for
  /// none.
  var vectorised: UnaryLoop<Float, Float>? { get }

  /// The work of one element, in units of a simple arithmetic operation. It determines how many
  /// elements a task has. The default is 1.
  var cost: Int { get }

  /// The kernel for `count` elements of a floating-point type; `nil` for other types. The default
  /// calls `apply`. It is a requirement so that its loops are compiled for each operator.
  func realKernel(_ type: ElementType, _ count: Int) -> Kernel?
}

/// An elementwise operator on floats and integers.
public protocol IntegerElementwiseOperator: ElementwiseOperator {
  /// The result for one element of an integer type. It must not trap: use `&+`, `&-` and `&*`. 8-bit
  /// and 16-bit integers are computed in `Int32`, uint32 in `Int64`, and results are truncated.
  func apply<T: FixedWidthInteger>(integer x: T) -> T

  /// The kernel for `count` elements of an integer type; `nil` for other types. The default calls
  /// `apply(integer:)`. It is a requirement so that its loops are compiled for each operator.
  func integerKernel(_ type: ElementType, _ count: Int) -> Kernel?
}

/// An operator without attributes. `consumed_inputs`, a hint for in-place computation that many
/// operators had before operator set 6, is ignored.
public protocol AttributeFreeOperator: Operator {
  /// The operator.
  init()
}

extension AttributeFreeOperator {
  /// Reads no attributes.
  public init(_ node: inout NodeReader) throws(OperatorError) {
    self.init()
    try node.skipConsumedInputs()
  }
}

extension NodeReader {
  /// Ignores `consumed_inputs`, a hint for in-place computation that operators had before operator
  /// set 6.
  public mutating func skipConsumedInputs() throws(OperatorError) {
    if version < 6 { _ = try optionalInts("consumed_inputs") }
  }
}

extension ElementwiseOperator {
  /// `nil`.
  public var vectorised: UnaryLoop<Float, Float>? { nil }
  /// 1.
  public var cost: Int { 1 }
  /// Input 0.
  public var overwritableInputs: [Int] { [0] }

  /// `.sameStep`.
  public func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.broadcast }

  /// The type of input 0.
  public func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(try inputs.tensor(0))]
  }

  /// `realKernel(_:_:)` for the element type of input 0.
  public func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0)
    guard let kernel = realKernel(try call.elementType(0), count) else {
      throw .input(0, "expected floating point, got \(try call.elementType(0))")
    }
    return kernel
  }

  /// A kernel that calls `apply`, or `vectorised` for float32.
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
  /// The kernel for the element type of input 0.
  public func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0)
    let type = try call.elementType(0)
    guard let kernel = realKernel(type, count) ?? integerKernel(type, count) else {
      throw .input(0, "expected numbers, got \(type)")
    }
    return kernel
  }

  /// A kernel that calls `apply(integer:)`.
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

/// A loop over 16-bit floats that converts blocks of them to `Float` and back.
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

/// A loop over small integers that converts blocks of them to a wider type and back. Results are
/// truncated to the bits of the small type.
@inlinable @inline(never)
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

/// The number of small integers that a loop widens at a time.
@usableFromInline let smallBlock = 512

/// `y[i] = x[i]`
@inlinable @inline(__always)
func widenIntegers<T: FixedWidthInteger, W: FixedWidthInteger>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<W>, _ count: Int
) {
  for i in 0..<count { y[i] = W(truncatingIfNeeded: x[i]) }
}

/// `y[i] = x[i]`, truncated to the bits of `y`.
@inlinable @inline(__always)
func narrowIntegers<T: FixedWidthInteger, W: FixedWidthInteger>(
  _ x: UnsafePointer<W>, _ y: UnsafeMutablePointer<T>, _ count: Int
) {
  for i in 0..<count { y[i] = T(truncatingIfNeeded: x[i]) }
}

/// A kernel that maps the `count` elements of input 0 to those of output 0, on all threads. Any thread
/// may call the loop, which must capture immutable values only.
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

/// Consecutive elements split into tiles, each large enough to be worth starting a thread for. The
/// split depends only on the number of elements and the work of each, never on the number of threads.
public struct Tiles: Sendable {
  /// The number of elements in all tiles.
  public let elements: Int
  /// The number of elements in a tile; the last one may be smaller.
  public let size: Int

  /// Splits a number of elements.
  /// - Parameters:
  ///   - elements: the number of elements in all tiles
  ///   - cost: work of one element, in units of a simple arithmetic operation
  public init(_ elements: Int, cost: Int = 1) {
    self.elements = elements
    self.size = max(1, 32768 / max(cost, 1))
  }

  /// The number of tiles.
  public var count: Int { elements / size + (elements % size == 0 ? 0 : 1) }

  /// The elements of a tile.
  public subscript(index: Int) -> Range<Int> {
    index * size..<Swift.min(elements, (index + 1) * size)
  }
}
