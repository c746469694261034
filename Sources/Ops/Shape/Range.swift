import ONNXFormat
import ONNXOperators

/// `start + i · delta` for `i` = 0, 1, … before `limit`.
struct RangeOperator: Operator {
  static let schema = Schema(
    "Range",
    [
      11: [.float32, .float64, .int16, .int32, .int64],
      27: [.floats, .bfloat16, .int16, .int32, .int64],
    ], inputs: 3...3)
  /// Whether float16 and bfloat16 are computed in float64 instead of float32.
  let computesInDouble: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    let stash = node.version >= 27 ? try node.optionalElementType("stash_type") : nil
    guard stash == nil || stash == .float32 || stash == .float64 else {
      throw .attribute("stash_type", "expected float32 or float64")
    }
    computesInDouble = stash == .float64
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0, Self.schema.versions[1].types).elementType
    for index in 1...2 { _ = try inputs.tensor(index, sameTypeAs: 0) }
    guard let values = try values(inputs) else { return [.tensor(type, Shape(rank: 1))] }
    return [.tensor(type, [try values.count()])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    guard let values = try values(call.inputs) else {
      throw .input(0, "the contents are not known")
    }
    let count = try call.outputCount(0)
    switch values {
    case .integers(let start, _, let delta):
      func kernel<T: FixedWidthInteger & Sendable>(_ type: T.Type) -> Kernel {
        fill(T.self, count) { T(truncatingIfNeeded: start &+ $0 &* delta) }
      }
      return switch try call.elementType(0) {
      case .int16: kernel(Int16.self)
      case .int32: kernel(Int32.self)
      default: kernel(Int.self)
      }
    case .reals(let start, _, let delta):
      let (first, step) = (Float(start), Float(delta))
      switch try call.elementType(0) {
      case .float64: return fill(Double.self, count) { start + Double($0) * delta }
      case .float32: return fill(Float.self, count) { Float(start + Double($0) * delta) }
      case .float16 where computesInDouble:
        return fill(Float16.self, count) { Float16(start + Double($0) * delta) }
      case .float16: return fill(Float16.self, count) { Float16(first + Float($0) * step) }
      case _ where computesInDouble:
        return fill(BFloat16.self, count) { BFloat16(Float(start + Double($0) * delta)) }
      default: return fill(BFloat16.self, count) { BFloat16(first + Float($0) * step) }
      }
    }
  }

  private func fill<T>(
    _ type: T.Type, _ count: Int, _ value: @escaping @Sendable (Int) -> T
  ) -> Kernel {
    .compute { buffers in
      let y = buffers.output(0, as: T.self)
      for i in 0..<count { y[i] = value(i) }
    }
  }

  private func values(_ inputs: Inputs) throws(OperatorError) -> Values? {
    var tensors: [Tensor] = []
    for index in 0...2 {
      guard let tensor = inputs.constant(index) else { return nil }
      guard tensor.count == 1 else { throw .input(index, "expected a scalar, got \(tensor.type)") }
      tensors.append(tensor)
    }
    func integers<T: FixedWidthInteger & Element>(_ type: T.Type) -> Values {
      let numbers = tensors.map { Int(truncatingIfNeeded: $0.elements(as: T.self)[0]) }
      return .integers(start: numbers[0], limit: numbers[1], delta: numbers[2])
    }
    func reals<T: RealElement>(_ type: T.Type) -> Values {
      let numbers = tensors.map { Double($0.elements(as: T.self)[0].compute) }
      return .reals(start: numbers[0], limit: numbers[1], delta: numbers[2])
    }
    return switch tensors[0].elementType {
    case .int16: integers(Int16.self)
    case .int32: integers(Int32.self)
    case .int64: integers(Int64.self)
    case .float16: reals(Float16.self)
    case .bfloat16: reals(BFloat16.self)
    case .float32: reals(Float.self)
    default: reals(Double.self)
    }
  }

  private enum Values {
    case integers(start: Int, limit: Int, delta: Int)
    case reals(start: Double, limit: Double, delta: Double)

    /// `max(⌈(limit − start) / delta⌉, 0)`
    func count() throws(OperatorError) -> Int {
      switch self {
      case .integers(let start, let limit, let delta):
        guard delta != 0 else { throw .input(2, "delta is 0") }
        if delta > 0 ? limit <= start : limit >= start { return 0 }
        // Wrapping subtraction gives the right magnitude for any signs.
        let distance =
          delta > 0 ? UInt(bitPattern: limit &- start) : UInt(bitPattern: start &- limit)
        let count = (distance - 1) / delta.magnitude
        guard count < UInt(Int.max) else { throw .invalid("the range has too many elements") }
        return Int(count) + 1
      case .reals(let start, let limit, let delta):
        guard delta != 0, start.isFinite, limit.isFinite, delta.isFinite else {
          throw .invalid("there is no range from \(start) to \(limit) by \(delta)")
        }
        let count = max(((limit - start) / delta).rounded(.up), 0)
        guard let count = Int(exactly: count) else {
          throw .invalid("the range from \(start) to \(limit) by \(delta) has too many elements")
        }
        return count
      }
    }
  }
}

extension RangeOperator {
  static var versionSteps: [VersionStep] {
    [
      .introduced(11) { change throws(OperatorError) in try change.expandRange() },
      .added(27, ["stash_type": .int(1)]),
    ]
  }
}

extension VersionChange {
  /// Replaces the node by arithmetic on the integers from 0 on, which are constants if the number of
  /// elements is known, or else the indices of ones.
  fileprivate mutating func expandRange() throws(OperatorError) {
    let type = try elementType(0)
    let (start, limit, delta) = (try input(0), try input(1), try input(2))
    let numbers: String
    if let count = outputType(0)?.shape?.first?.size, count <= 1 << 20 {
      numbers = integers(Array(0..<count), "places")
    } else {
      let distance = emit("Sub", [wide(limit), wide(start)])
      let count = emit("Relu", [emit("Ceil", [emit("Div", [distance, wide(delta)])])])
      let whole = reshape(emit("Cast", [count], [castTarget(.int64)]), [1])
      let ones = emit(
        "ConstantOfShape", [whole], [.tensor("value", Tensor(shape: [1], [Int64(1)]))])
      numbers = reshape(emit("NonZero", [ones]), [-1])
    }
    // Arithmetic does not support int16 in older versions.
    let target = type == .int16 ? ElementType.int32 : type
    let ends =
      type == target
      ? [start, delta] : [start, delta].map { emit("Cast", [$0], [castTarget(target)]) }
    let steps = emit("Mul", [emit("Cast", [numbers], [castTarget(target)]), ends[1]])
    let sum = emit("Add", [ends[0], steps])
    if type == target { return become("Identity", [sum]) }
    become("Cast", [sum], [castTarget(type)])
  }

  private mutating func wide(_ x: String) -> String {
    emit("Cast", [x], [castTarget(.float64)])
  }
}

extension RangeOperator {
  static func exactInputs(_ node: Node) -> [Int] { [0, 1, 2] }
}
