import ONNXFormat
import RealModule

/// `y = f(a, b)` for every pair of elements of two tensors whose shapes broadcast.
///
/// An operator on numbers conforms to `ArithmeticOperator` instead; other element types, or an output
/// of another type, need `loop(_:)` and `infer(_:)`.
public protocol BinaryOperator: Operator {
  /// An operator whose second operand is aligned with the first in this way.
  init(alignment: OperandAlignment)
  /// The alignment of the second operand with the first.
  var alignment: OperandAlignment { get }

  /// The loop for operands of an element type; `nil` for a type without a loop.
  func loop(_ type: ElementType) -> AnyBinaryLoop?

  /// The shape that both operands broadcast to; `nil` if unknown.
  /// - Throws: `OperatorError.input` for operands of different element types, or of shapes that do not
  ///   broadcast
  func inferShape(_ inputs: Inputs) throws(OperatorError) -> Shape?

  /// The loop for the element types of the inputs.
  /// - Throws: `OperatorError.input` for a type without a loop
  func findLoop(_ call: Preparation) throws(OperatorError) -> AnyBinaryLoop

  /// The rows of the output and of the operands that are broadcast to it.
  func rows(_ call: Preparation) throws(OperatorError) -> BroadcastRows

  /// The work of one element, in units of a simple arithmetic operation. It determines how many
  /// elements a task has. The default is 1.
  var cost: Int { get }
}

extension BinaryOperator {
  /// Reads the attributes `axis` and `broadcast` of old versions.
  public init(_ node: inout NodeReader) throws(OperatorError) {
    self.init(alignment: try OperandAlignment(&node))
  }

  /// 1.
  public var cost: Int { 1 }
  /// Both inputs.
  public var overwritableInputs: [Int] { [0, 1] }

  /// `.sameStep` where the steps of both inputs lie along the same axis.
  public func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    if site.onlyFirstHasSteps { return .sameStep }
    guard case .numpy = alignment else { return .wholeSequence }
    return site.broadcast
  }

  /// The element type of input 0, and the shape that both inputs broadcast to.
  public func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(try inputs.tensor(0).elementType, try inferShape(inputs))]
  }

  /// A kernel that runs `findLoop(_:)` on `rows(_:)`, on all threads.
  public func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try findLoop(call).kernel(rows(call))
  }

  /// The shape that both inputs broadcast to; they must have the same element type.
  public func inferShape(_ inputs: Inputs) throws(OperatorError) -> Shape? {
    let a = try inputs.tensor(0).shape
    return try alignment.shape(a, try inputs.tensor(1, sameTypeAs: 0).shape)
  }

  /// `loop(_:)` of the element type of input 0.
  public func findLoop(_ call: Preparation) throws(OperatorError) -> AnyBinaryLoop {
    let type = try call.elementType(0)
    guard let loop = loop(type) else { throw .input(0, "unexpected element type \(type)") }
    return loop
  }

  /// The rows of output 0 and of inputs 0 and 1.
  public func rows(_ call: Preparation) throws(OperatorError) -> BroadcastRows {
    let a = try call.inputSizes(0)
    let b = try alignment.align(Shape(call.inputSizes(1)), to: Shape(a))?.sizes ?? []
    return BroadcastRows(try call.outputSizes(0), [a, b], cost: cost)
  }
}

/// A function of two numbers of the same type whose result has that type.
public protocol ArithmeticFunction: Sendable {
  /// The result for floating-point numbers. `T` is `Float` or `Double`; 16-bit floats are computed in
  /// `Float`.
  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T
  /// The result for integers. It must not trap: use `&+`, `&-` and `&*`. 8-bit and 16-bit integers
  /// are computed in `Int32`, uint32 in `Int64`, and results are truncated.
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T

  /// A loop over float32 elements that is faster than `apply`; `nil`, the default, for none.
  var vectorised: BinaryRowsLoop? { get }

  /// The loop for numbers of an element type; `nil` for other types. The default calls `apply`. It is
  /// a requirement so that its loops are compiled for each operator.
  func arithmeticLoop(_ type: ElementType) -> AnyBinaryLoop?
}

extension ArithmeticFunction {
  /// `nil`.
  public var vectorised: BinaryRowsLoop? { nil }

  /// Loops over all integers and floats that call `apply`, or `vectorised` for float32.
  @inlinable public func arithmeticLoop(_ type: ElementType) -> AnyBinaryLoop? {
    switch type {
    case .float32: vectorised.map { AnyBinaryLoop(rows: $0) } ?? AnyBinaryLoop(floatLoop)
    case .float64:
      AnyBinaryLoop {
        (a: UnsafePointer<Double>, aStep, b: UnsafePointer<Double>, bStep, y, count) in
        mapRow(a, aStep, b, bStep, y, count) { self.apply($0, $1) }
      }
    case .float16: AnyBinaryLoop(throughFloat(Float16.self, floatLoop))
    case .bfloat16: AnyBinaryLoop(throughFloat(BFloat16.self, floatLoop))
    case .int8: AnyBinaryLoop(throughWide(Int8.self, integerLoop(Int32.self)))
    case .int16: AnyBinaryLoop(throughWide(Int16.self, integerLoop(Int32.self)))
    case .int32: AnyBinaryLoop(integerLoop(Int32.self))
    case .int64: AnyBinaryLoop(integerLoop(Int64.self))
    case .uint8: AnyBinaryLoop(throughWide(UInt8.self, integerLoop(Int32.self)))
    case .uint16: AnyBinaryLoop(throughWide(UInt16.self, integerLoop(Int32.self)))
    case .uint32: AnyBinaryLoop(throughWide(UInt32.self, integerLoop(Int64.self)))
    case .uint64: AnyBinaryLoop(integerLoop(UInt64.self))
    default: nil
    }
  }

  @inlinable var floatLoop: BinaryLoop<Float, Float, Float> {
    if let vectorised {
      return { a, aStep, b, bStep, y, count in vectorised(a, aStep, 0, b, bStep, 0, y, count, 1) }
    }
    return { a, aStep, b, bStep, y, count in
      mapRow(a, aStep, b, bStep, y, count) { self.apply($0, $1) }
    }
  }

  @inlinable func integerLoop<T: FixedWidthInteger & Sendable>(_ type: T.Type) -> BinaryLoop<
    T, T, T
  > {
    { a, aStep, b, bStep, y, count in
      mapRow(a, aStep, b, bStep, y, count) { self.apply(integer: $0, $1) }
    }
  }
}

/// `y = f(a, b)` for every pair of elements of two tensors of numbers whose shapes broadcast: an
/// operator is its schema and `apply`.
public protocol ArithmeticOperator: BinaryOperator, ArithmeticFunction {}

extension ArithmeticOperator {
  /// `arithmeticLoop(_:)`.
  public func loop(_ type: ElementType) -> AnyBinaryLoop? { arithmeticLoop(type) }
}

extension BinaryOperator {
  /// The name of an operand, for `differentiate`. The second operand is reshaped so that it broadcasts
  /// by NumPy's rule.
  public func operand(_ input: Int, _ backward: inout Backward) throws(OperatorError) -> String {
    let name = backward.input(input)
    guard input == 1, let axes = try trailingAxes(backward) else { return name }
    return axes.isEmpty
      ? name : backward.builder.node("Unsqueeze", [name, backward.builder.integers(axes)])
  }

  /// Sets the gradient of an operand: `gradient`, which has the shape of the output, is summed over
  /// the axes along which the operand was broadcast.
  public func setBroadcast(
    _ input: Int, _ gradient: String, _ backward: inout Backward
  ) throws(OperatorError) {
    guard input == 1, let axes = try trailingAxes(backward), !axes.isEmpty else {
      return backward.setSum(input, gradient)
    }
    let shaped = try operand(1, &backward)
    let sum = backward.builder.privateNode("SumTo", [gradient, shaped])
    backward.set(1, backward.builder.node("Squeeze", [sum, backward.builder.integers(axes)]))
  }

  /// The axes of size 1 that the old attribute `axis` appends to the shape of the second operand.
  private func trailingAxes(_ backward: Backward) throws(OperatorError) -> [Int]? {
    guard case .axis = alignment else { return nil }
    let b = try backward.shape(1)
    let aligned = try alignment.align(b, to: try backward.shape(0))
    return Array(b.rank..<(aligned?.rank ?? b.rank))
  }
}

extension BinaryOperator {
  /// Broadcasting by NumPy's rule, since operator set 7.
  public static var versionSteps: [VersionStep] { [.broadcast] }
}

extension VersionStep {
  /// Since operator set 7, operands broadcast by NumPy's rule. Before, the attribute `broadcast`
  /// aligned the dimensions of the second operand with those of the first from `axis` on.
  public static let broadcast = VersionStep(
    7,
    up: { change throws(OperatorError) in
      let isBroadcast = try change.int("broadcast") == 1
      let axis = try change.int("axis")
      change.drop("broadcast", "axis")
      guard isBroadcast, let axis else { return }
      let (a, b) = (try change.rank(0), try change.rank(1))
      let trailing = a - (try change.fromFront(axis)) - b
      guard trailing > 0 else { return }
      change.setInput(1, change.unsqueeze(try change.input(1), Array(b..<b + trailing)))
    },
    down: { change throws(OperatorError) in try change.broadcastByAttribute() })
}

extension VersionChange {
  /// Expresses broadcasting by the attributes `broadcast` and `axis`. The operands of a commutative
  /// operator or a comparison are swapped if only the first one broadcasts.
  fileprivate mutating func broadcastByAttribute() throws(OperatorError) {
    guard let a = tensorType(0)?.shape, let b = tensorType(1)?.shape else {
      throw .input(1, "the shapes of both operands must be known")
    }
    if a.rank == b.rank, zip(a, b).allSatisfy(certainlyEqual) { return }
    if try lay(b, of: 1, on: a) { return }
    if let exchanged = Self.exchanged[node.operatorType], try lay(a, of: 0, on: b) {
      node.operatorType = exchanged
      node.inputs.swapAt(0, 1)
      return
    }
    // Neither broadcasts to the other alone, so both are repeated.
    guard let sizes = Broadcast.combine(a, b)?.sizes else {
      throw .input(1, "neither of the shapes \(a) and \(b) broadcasts to the other")
    }
    for index in 0...1 { setInput(index, try broadcast(try input(index), to: sizes)) }
  }

  private static let exchanged = [
    "Add": "Add", "Mul": "Mul", "And": "And", "Or": "Or", "Xor": "Xor", "Equal": "Equal",
    "Greater": "Less", "Less": "Greater",
  ]

  /// Sets the attributes that broadcast an operand of shape `b` to `a`.
  /// - Returns: `false` if the attributes cannot express it
  private mutating func lay(
    _ b: Shape, of input: Int, on a: Shape
  ) throws(OperatorError) -> Bool {
    guard b.rank <= a.rank else { return false }
    let leading = b.prefix { $0 == 1 }.count
    if leading == b.rank {
      set(.int("broadcast", 1))
      return true
    }
    let trailing = b.reversed().prefix { $0 == 1 }.count
    let core = b[leading..<b.rank - trailing]
    let start = a.rank - trailing - core.count
    guard zip(core, a[start...]).allSatisfy(certainlyEqual) else { return false }
    let axes = Array(0..<leading) + Array(b.rank - trailing..<b.rank)
    if !axes.isEmpty { setInput(input, squeeze(try self.input(input), axes)) }
    set(.int("broadcast", 1))
    if trailing > 0 { set(.int("axis", start)) }
    return true
  }
}

extension BinaryOperator where Self: AffineOperator {
  /// Whether the operands are aligned by NumPy's rule.
  public var broadcastsByNumPy: Bool {
    if case .numpy = alignment { true } else { false }
  }
}
