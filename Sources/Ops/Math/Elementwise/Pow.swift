import Glibc
import ONNXFormat
import ONNXOperators

/// `y = aᵇ` in the type of `a`, broadcast. Negative powers of integers are truncated.
struct Pow: BinaryOperator, DifferentiableOperator {
  static let schema = Schema(
    "Pow",
    [
      1: .floats, 7: .floats, 12: [.floats, .int32, .int64],
      13: [.floats, .bfloat16, .int32, .int64], 15: [.floats, .bfloat16, .int32, .int64],
    ], inputs: 2...2)
  let alignment: OperandAlignment

  var overwritableInputs: [Int] { [0] }
  var cost: Int { 20 }

  func inferShape(_ inputs: Inputs) throws(OperatorError) -> Shape? {
    try alignment.shape(try inputs.tensor(0).shape, try inputs.tensor(1).shape)
  }

  func loop(_ type: ElementType) -> AnyBinaryLoop? { nil }

  func findLoop(_ call: Preparation) throws(OperatorError) -> AnyBinaryLoop {
    let (base, exponent) = (try call.elementType(0), try call.elementType(1))
    guard let loop = powerLoop(base, exponent) else {
      throw .input(0, "a power of \(base) with an exponent of \(exponent) is not supported")
    }
    return loop
  }

  /// The loop that converts the exponent to the type the power is computed in.
  private func powerLoop(_ base: ElementType, _ exponent: ElementType) -> AnyBinaryLoop? {
    let hasWholeExponent = TypeSet.integers.contains(exponent)
    let isWide = hasWholeExponent && exponent.stride >= 4
    switch base {
    case .float32:
      return isWide
        ? exponentLoop(exponent, .float64, wideLoop) : exponentLoop(exponent, .float32, floatLoop)
    case .float64: return exponentLoop(exponent, .float64, doubleLoop)
    case .float16:
      return isWide
        ? exponentLoop(exponent, .float64, halfLoop(Float16.self, wideLoop))
        : exponentLoop(exponent, .float32, halfLoop(Float16.self, floatLoop))
    case .bfloat16:
      return isWide
        ? exponentLoop(exponent, .float64, halfLoop(BFloat16.self, wideLoop))
        : exponentLoop(exponent, .float32, halfLoop(BFloat16.self, floatLoop))
    case .int32:
      return hasWholeExponent
        ? exponentLoop(exponent, .int64, wholeLoop(Int32.self))
        : exponentLoop(exponent, .float64, mixedLoop(Int32.self))
    case .int64:
      return hasWholeExponent
        ? exponentLoop(exponent, .int64, wholeLoop(Int64.self))
        : exponentLoop(exponent, .float64, mixedLoop(Int64.self))
    default: return nil
    }
  }

  private var floatLoop: BinaryLoop<Float, Float, Float> {
    { a, aStep, b, bStep, y, count in powers(a, aStep, b, bStep, y, count, powf) }
  }

  /// For whole exponents, of which a float32 holds those up to 2²⁴: whether a larger one is odd decides
  /// the sign.
  private var wideLoop: BinaryLoop<Float, Double, Float> {
    { a, aStep, b, bStep, y, count in
      if bStep == 0, abs(b[0]) <= 0x1p24 {
        var exponent = Float(b[0])
        return powers(a, aStep, &exponent, 0, y, count, powf)
      }
      mapRow(a, aStep, b, bStep, y, count) {
        abs($1) <= 0x1p24 ? powf($0, Float($1)) : Float(pow(Double($0), $1))
      }
    }
  }

  private var doubleLoop: BinaryLoop<Double, Double, Double> {
    { a, aStep, b, bStep, y, count in powers(a, aStep, b, bStep, y, count, pow) }
  }

  private func halfLoop<T: HalfFloat, E: Sendable>(
    _ type: T.Type, _ loop: @escaping BinaryLoop<Float, E, Float>
  ) -> BinaryLoop<T, E, T> {
    { a, aStep, b, bStep, y, count in
      T.withBlocks(1) { block in
        if aStep == 0 { T.widen(a, block, 1) }
        for start in stride(from: 0, to: count, by: T.block) {
          let size = min(T.block, count - start)
          if aStep != 0 { T.widen(a + start, block, size) }
          withUnsafeTemporaryAllocation(of: Float.self, capacity: size) { result in
            guard let result = result.baseAddress else { return }
            loop(block, aStep, b + start * bStep, bStep, result, size)
            T.narrow(result, y + start, size)
          }
        }
      }
    }
  }

  private func wholeLoop<T: FixedWidthInteger & Sendable>(
    _ type: T.Type
  ) -> BinaryLoop<T, Int64, T> {
    { a, aStep, b, bStep, y, count in
      mapRow(a, aStep, b, bStep, y, count) { power($0, $1) }
    }
  }

  private func mixedLoop<T: FixedWidthInteger & Sendable>(
    _ type: T.Type
  ) -> BinaryLoop<T, Double, T> {
    { a, aStep, b, bStep, y, count in
      mapRow(a, aStep, b, bStep, y, count) { T(truncating: pow(Double($0), $1)) }
    }
  }

  /// `∂y/∂a = b aᵇ⁻¹`, 0 where b = 0; `∂y/∂b = y ln a`, 0 where a = 0 ≤ b and NaN where a < 0.
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    if backward.wants(0), backward.constant(1)?.onlyNumber != 0 {
      let slope = try slopeByBase(&backward)
      let product = slope.map { backward.builder.mul(gradient, $0) } ?? gradient
      try setBroadcast(0, product, &backward)
    }
    guard backward.wants(1) else { return }
    let base = backward.input(0)
    let exponent = try operand(1, &backward)
    let (type, exponentType) = (try backward.elementType(0), try backward.elementType(1))
    let isZero = backward.builder.node("Equal", [base, backward.builder.scalar(0, type)])
    let isNotNegative = backward.builder.node(
      "GreaterOrEqual", [exponent, backward.builder.scalar(0, exponentType)])
    let isFlat = backward.builder.node("And", [isZero, isNotNegative])
    let slope = backward.builder.mul(
      backward.output(0), backward.builder.node("Log", [base]))
    var result = backward.builder.node(
      "Where",
      [isFlat, backward.builder.scalar(0, type), backward.builder.mul(gradient, slope)])
    if type != exponentType { result = backward.builder.cast(result, to: exponentType) }
    try setBroadcast(1, result, &backward)
  }

  /// The factor `b aᵇ⁻¹`, or `nil` if it is 1.
  private func slopeByBase(_ backward: inout Backward) throws(OperatorError) -> String? {
    let type = try backward.elementType(0)
    let base = backward.input(0)
    if let number = backward.constant(1)?.onlyNumber {
      let factor = backward.builder.scalar(number, type)
      switch number {
      case 1: return nil
      case 2: return backward.builder.mul(base, factor)
      default:
        let power = backward.builder.node("Pow", [base, backward.builder.scalar(number - 1, type)])
        return backward.builder.mul(power, factor)
      }
    }
    var exponent = try operand(1, &backward)
    if try backward.elementType(1) != type {
      exponent = backward.builder.cast(exponent, to: type)
    }
    let zero = backward.builder.scalar(0, type)
    let less = backward.builder.sub(exponent, backward.builder.scalar(1, type))
    let slope = backward.builder.mul(exponent, backward.builder.node("Pow", [base, less]))
    let isZero = backward.builder.node("Equal", [exponent, zero])
    return backward.builder.node("Where", [isZero, zero, slope])
  }
}

/// A loop that converts exponents to the type that `loop` takes, a block at a time.
private func exponentLoop<A: Sendable, B: Sendable>(
  _ type: ElementType, _ wanted: ElementType, _ loop: @escaping BinaryLoop<A, B, A>
) -> AnyBinaryLoop? {
  if type == wanted { return AnyBinaryLoop(loop) }
  guard let conversion = ElementConversion(from: type, to: wanted) else { return nil }
  let bytes = type.stride
  let block = 512
  // An unsigned integer of the exponent's size stands in for its type in address arithmetic.
  func converting<E: Sendable>(_ size: E.Type) -> AnyBinaryLoop {
    AnyBinaryLoop { (a: UnsafePointer<A>, aStep, b: UnsafePointer<E>, bStep, y, count) in
      withUnsafeTemporaryAllocation(of: B.self, capacity: block) { memory in
        guard let exponents = memory.baseAddress else { return }
        for start in stride(from: 0, to: count, by: block) {
          let size = min(block, count - start)
          conversion(b + start * bStep, exponents, bStep == 0 ? 1 : size)
          loop(a + start * aStep, aStep, exponents, bStep, y + start, size)
        }
      }
    }
  }
  return switch bytes {
  case 1: converting(UInt8.self)
  case 2: converting(UInt16.self)
  case 4: converting(UInt32.self)
  default: converting(UInt64.self)
  }
}

/// One row of powers. Common exponents are computed by multiplication.
@inline(__always)
private func powers<T: BinaryFloatingPoint>(
  _ a: UnsafePointer<T>, _ aStep: Int, _ b: UnsafePointer<T>, _ bStep: Int,
  _ y: UnsafeMutablePointer<T>, _ count: Int, _ power: (T, T) -> T
) {
  guard bStep == 0, aStep != 0 else { return mapRow(a, aStep, b, bStep, y, count, power) }
  let exponent = b[0]
  switch exponent {
  case 1: for i in 0..<count { y[i] = a[i] }
  case 2: for i in 0..<count { y[i] = a[i] * a[i] }
  case 3: for i in 0..<count { y[i] = a[i] * a[i] * a[i] }
  case -1: for i in 0..<count { y[i] = 1 / a[i] }
  // √−0 is −0, but (−0)^½ is +0.
  case 0.5:
    for i in 0..<count { y[i] = a[i] == -.infinity ? .infinity : (a[i] + 0).squareRoot() }
  default: for i in 0..<count { y[i] = power(a[i], exponent) }
  }
}

/// `aⁿ`, wrapping on overflow. Truncated if `n < 0`, and 0 if also `a = 0`.
private func power<T: FixedWidthInteger>(_ a: T, _ n: Int64) -> T {
  if n < 0 {
    if a == 1 { return 1 }
    return a == -1 ? (n & 1 == 0 ? 1 : -1) : 0
  }
  var (result, square, rest): (T, T, Int64) = (1, a, n)
  while rest > 0 {
    if rest & 1 == 1 { result = result &* square }
    square = square &* square
    rest >>= 1
  }
  return result
}

extension Tensor {
  /// The value of a scalar tensor.
  fileprivate var onlyNumber: Double? {
    guard shape.isEmpty else { return nil }
    switch elementType {
    case .float32: return Double(elements(as: Float.self)[0])
    case .float64: return elements(as: Double.self)[0]
    default: return integers.map { Double($0[0]) }
    }
  }
}

extension Pow {
  static var versionSteps: [VersionStep] {
    [
      .broadcast,
      // Since operator set 12 the exponent may have a different type.
      VersionStep(
        12,
        down: { change throws(OperatorError) in
          guard let base = change.tensorType(0), let exponent = change.tensorType(1),
            base.elementType != exponent.elementType
          else { return }
          change.precede(
            1, "Cast", [], [.int("to", Int(base.elementType.rawValue))],
            type: TensorType(base.elementType, exponent.shape))
        }),
    ]
  }
}
