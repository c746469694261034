import CKernels
import ONNXFormat
import ONNXOperators

/// A function of each pair of elements of two quantised tensors that broadcast, with a quantised result:
/// inputs a, b and their scales and zero points, then those of the result. All have one type.
protocol QuantizedPair: Operator {
  /// The function for one row of elements.
  static var function: @Sendable @convention(c) (UnsafePointer<ck_byte_pair>) -> Void { get }
}

extension QuantizedPair {
  static func pairSchema(_ name: String) -> Schema {
    Schema(name, domain: ContribOperators.domain, [1: [.int8, .uint8]], inputs: 7...8)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let a = try inputs.tensor(0)
    let b = try inputs.tensor(3, sameTypeAs: 0)
    for index in [1, 4, 6] {
      _ = try inputs.tensor(index, .float32)
      try inputs.checkSingle(index)
    }
    for index in [2, 5, 7] where inputs.has(index) {
      _ = try inputs.tensor(index, sameTypeAs: 0)
      try inputs.checkSingle(index)
    }
    return [.tensor(a.elementType, try Broadcast.shape([a.shape, b.shape]))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let rows = BroadcastRows(
      try call.outputSizes(0), [try call.inputSizes(0), try call.inputSizes(3)])
    let isSigned = try call.elementType(0) == .int8
    let has = (0..<8).map { call.inputs.has($0) }
    let function = Self.function
    let tile: Buffers.Tile = { buffers, task, _ in
      func scale(_ input: Int) -> Float { buffers.input(input, as: Float.self)[0] }
      func zero(_ input: Int) -> Int32 {
        guard has[input] else { return 0 }
        let code = buffers.input(input, as: UInt8.self)[0]
        return isSigned ? Int32(Int8(bitPattern: code)) : Int32(code)
      }
      let (a, b) = (buffers.input(0, as: UInt8.self), buffers.input(3, as: UInt8.self))
      let y = buffers.output(0, as: UInt8.self)
      let (aScale, bScale, yScale) = (scale(1), scale(4), scale(6))
      var pair = ck_byte_pair(
        a: a, b: b, a_step: rows.steps[0], b_step: rows.steps[1], y: y, count: 0,
        is_signed: isSigned, a_zero: zero(2), b_zero: zero(5), y_zero: zero(7),
        a_ratio: aScale / yScale, b_ratio: bScale / yScale, ratio: aScale * bScale / yScale)
      rows.forEach(in: task) { place, operands, count in
        pair.a = a + operands[0]
        pair.b = b + operands[1]
        pair.y = y + place
        pair.count = count
        function(&pair)
      }
    }
    return .compute { buffers in buffers.parallel(rows.tasks, tile) }
  }
}

extension Inputs {
  /// Checks that an input has one element, as far as its shape is known.
  func checkSingle(_ index: Int) throws(OperatorError) {
    guard let shape = try tensor(index).shape, let sizes = shape.sizes else { return }
    guard sizes.elementCount == 1 else {
      throw .input(index, "expected one element, got shape \(shape)")
    }
  }
}
