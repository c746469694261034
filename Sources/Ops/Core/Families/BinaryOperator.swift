import ONNXFormat
import RealModule

/// `y = f(a, b)` for every pair of elements, the shapes broadcast.
public protocol BinaryOperator: Operator {
  init(alignment: OperandAlignment)
  var alignment: OperandAlignment { get }

  /// The loop for operands of this type; `nil` where there is none.
  func loop(_ type: ElementType) -> AnyBinaryLoop?

  /// The shape of the two operands, of types that go together, broadcast.
  func inferShape(_ inputs: Inputs) throws(OperatorError) -> Shape?

  /// The loop for the operands at hand.
  func findLoop(_ call: Preparation) throws(OperatorError) -> AnyBinaryLoop

  /// How the operands lie on the output.
  func rows(_ call: Preparation) throws(OperatorError) -> BroadcastRows

  /// The work of one element, in units of a simple arithmetic operation.
  var cost: Int { get }
}

extension BinaryOperator {
  public init(_ node: inout NodeReader) throws(OperatorError) {
    self.init(alignment: try OperandAlignment(&node))
  }

  public var cost: Int { 1 }
  public var overwritableInputs: [Int] { [0, 1] }

  public func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(try inputs.tensor(0).elementType, try inferShape(inputs))]
  }

  public func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try findLoop(call).kernel(rows(call))
  }

  public func inferShape(_ inputs: Inputs) throws(OperatorError) -> Shape? {
    let a = try inputs.tensor(0).shape
    return try alignment.shape(a, try inputs.tensor(1, sameTypeAs: 0).shape)
  }

  public func findLoop(_ call: Preparation) throws(OperatorError) -> AnyBinaryLoop {
    let type = try call.elementType(0)
    guard let loop = loop(type) else { throw .input(0, "unexpected element type \(type)") }
    return loop
  }

  public func rows(_ call: Preparation) throws(OperatorError) -> BroadcastRows {
    let a = try call.inputSizes(0)
    let b = try alignment.align(Shape(call.inputSizes(1)), to: Shape(a))?.sizes ?? []
    return BroadcastRows(try call.outputSizes(0), [a, b], cost: cost)
  }
}

/// A function of two numbers of one type to a third.
public protocol ArithmeticFunction: Sendable {
  /// In `Float` or `Double`.
  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T

  /// A loop over float32 elements that is faster than `apply`, where there is one.
  var vectorised: BinaryLoop<Float, Float, Float>? { get }

  /// The loop for numbers of this type; `nil` for other types. A requirement, so that its loops are
  /// compiled for each operator.
  func arithmeticLoop(_ type: ElementType) -> AnyBinaryLoop?
}

extension ArithmeticFunction {
  public var vectorised: BinaryLoop<Float, Float, Float>? { nil }

  @inlinable public func arithmeticLoop(_ type: ElementType) -> AnyBinaryLoop? {
    switch type {
    case .float32: AnyBinaryLoop(floatLoop)
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
    vectorised ?? { a, aStep, b, bStep, y, count in
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

/// `y = f(a, b)` on numbers.
public protocol ArithmeticOperator: BinaryOperator, ArithmeticFunction {}

extension ArithmeticOperator {
  public func loop(_ type: ElementType) -> AnyBinaryLoop? { arithmeticLoop(type) }
}

extension BinaryOperator {
  /// An operand's name, the second one shaped so that it broadcasts by NumPy's rule.
  public func operand(_ input: Int, _ backward: inout Backward) throws(OperatorError) -> String {
    let name = backward.input(input)
    guard input == 1, let axes = try trailingAxes(backward) else { return name }
    return axes.isEmpty
      ? name : backward.builder.node("Unsqueeze", [name, backward.builder.integers(axes)])
  }

  /// States the gradient of an operand that was broadcast.
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

  /// The axes of size 1 that the old attribute `axis` puts behind the second operand's own.
  private func trailingAxes(_ backward: Backward) throws(OperatorError) -> [Int]? {
    guard case .axis = alignment else { return nil }
    let b = try backward.shape(1)
    let aligned = try alignment.align(b, to: try backward.shape(0))
    return Array(b.rank..<(aligned?.rank ?? b.rank))
  }
}

extension BinaryOperator {
  public static var versionSteps: [VersionStep] { [.broadcast] }
}

extension VersionStep {
  /// Since operator set 7 operands broadcast by NumPy's rule. Before it the attribute `broadcast`
  /// laid the second on the first, from `axis` on.
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
  /// States by attributes how the second operand lies on the first, or the first on the second where
  /// they may be exchanged.
  fileprivate mutating func broadcastByAttribute() throws(OperatorError) {
    guard let a = tensorType(0)?.shape, let b = tensorType(1)?.shape else {
      throw .input(1, "the operands' shapes must be known, and are not")
    }
    if a.rank == b.rank, zip(a, b).allSatisfy(certainlyEqual) { return }
    if try lay(b, of: 1, on: a) { return }
    if let exchanged = Self.exchanged[node.operatorType], try lay(a, of: 0, on: b) {
      node.operatorType = exchanged
      node.inputs.swapAt(0, 1)
      return
    }
    // What lies on nothing is repeated.
    guard let sizes = Broadcast.combine(a, b)?.sizes else {
      throw .input(1, "neither of the shapes \(a) and \(b) lies on the other")
    }
    for index in 0...1 { setInput(index, try broadcast(try input(index), to: sizes)) }
  }

  private static let exchanged = [
    "Add": "Add", "Mul": "Mul", "And": "And", "Or": "Or", "Xor": "Xor", "Equal": "Equal",
    "Greater": "Less", "Less": "Greater",
  ]

  /// - Returns: whether an operand of that shape can be laid on the other
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
  public var broadcastsByNumPy: Bool {
    if case .numpy = alignment { true } else { false }
  }
}
