import CKernels
import ONNXFormat
import ONNXOperators

/// `y = quantise(f(dequantise(a), dequantise(b)))` for 8-bit integers that broadcast, with the bits of the
/// separate nodes. The inputs are a, its scale and zero point, the same of b, and the scale and zero point
/// of the result; the attribute `function` is the operator f.
struct ByteArithmetic: Operator {
  static let schema = Schema(
    "ByteArithmetic", domain: Registry.privateDomain, [1: [.int8, .uint8]], inputs: 8...8)
  private let function: ck_pair_function

  private static let functions = [
    "Add": CK_PAIR_ADD, "Sub": CK_PAIR_SUB, "Mul": CK_PAIR_MUL, "Div": CK_PAIR_DIV,
  ]

  init(_ node: inout NodeReader) throws(OperatorError) {
    let name = try node.string("function", default: "")
    guard let function = Self.functions[name] else {
      throw .attribute("function", "expected Add, Sub, Mul or Div, got '\(name)'")
    }
    self.function = function
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let bytes: TypeSet = [.int8, .uint8]
    let (a, b) = (try inputs.tensor(0, bytes), try inputs.tensor(3, bytes))
    _ = try (inputs.tensor(2, sameTypeAs: 0), inputs.tensor(5, sameTypeAs: 3))
    for index in [1, 4, 6] { _ = try inputs.tensor(index, .float32) }
    for index in [1, 2, 4, 5, 6, 7] {
      guard let count = try inputs.tensor(index).shape?.sizes?.elementCount, count != 1 else {
        continue
      }
      throw .input(index, "expected one element, got \(count)")
    }
    return [
      .tensor(
        try inputs.tensor(7, bytes).elementType, try Broadcast.shape([a.shape, b.shape]))
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let rows = BroadcastRows(
      try call.outputSizes(0), [try call.inputSizes(0), try call.inputSizes(3)])
    let function = function
    let flips: [UInt8] = [
      try call.elementType(0).flip, try call.elementType(3).flip, try call.elementType(7).flip,
    ]
    let tile: Buffers.Tile = { buffers, task, _ in
      func code(_ scale: Int, _ zero: Int, _ operand: Int) -> ck_byte_code {
        ck_byte_code(
          scale: buffers.input(scale, as: Float.self)[0],
          zero: Float(buffers.input(zero, as: UInt8.self)[0] ^ flips[operand]),
          flip: flips[operand])
      }
      let (a, b) = (buffers.input(0, as: UInt8.self), buffers.input(3, as: UInt8.self))
      let y = buffers.output(0, as: UInt8.self)
      var pair = ck_noted_pair(
        a: a, b: b, a_step: rows.steps[0], b_step: rows.steps[1], a_code: code(1, 2, 0),
        b_code: code(4, 5, 1), y_code: code(6, 7, 2), function: function)
      rows.forEach(in: task) { place, operands, count in
        pair.a = a + operands[0]
        pair.b = b + operands[1]
        ck_byte_pairs(&pair, y + place, count)
      }
    }
    return .compute { buffers in buffers.parallel(rows.tasks, tile) }
  }
}

extension BinaryOperator {
  /// The node of two quantised operands and a quantised result as one pass over bytes.
  func quantizedArithmetic(
    _ site: QuantizedSite, _ builder: inout GraphBuilder
  ) -> QuantizedOutcome? {
    guard case .numpy = alignment, let a = site.byteInput(0), let b = site.byteInput(1),
      let y = site.byteResult
    else { return nil }
    let inputs = [
      a.codes, a.scale, builder.zeroPoint(of: a), b.codes, b.scale, builder.zeroPoint(of: b),
      y.scale, builder.zeroPoint(of: y),
    ]
    return .codes(
      builder.privateNode(
        ByteArithmetic.schema.name, inputs, [.string("function", Self.schema.name)]))
  }
}
