import CKernels
import ONNXFormat
import ONNXOperators

/// `y = (x − zeroPoint) · scale`
struct DequantizeLinear: Operator {
  static let schema = Schema(
    "DequantizeLinear",
    [
      10: [.int8, .uint8, .int32], 13: [.int8, .uint8, .int32],
      19: [.int8, .uint8, .int32, .float8s],
      21: [.int8, .uint8, .int16, .uint16, .int32, .int4s, .float8s],
      23: [.int8, .uint8, .int16, .uint16, .int32, .int4s, .float8s, .float4],
      24: [.int8, .uint8, .int16, .uint16, .int32, .int4s, .float8s, .float4],
      25: [.int8, .uint8, .int16, .uint16, .int32, .int4s, .int2s, .float8s, .float4],
      28: [.quantized, .int32],
    ], inputs: 2...3)
  private let options: QuantizationOptions

  init(_ node: inout NodeReader) throws(OperatorError) {
    options = try QuantizationOptions(&node, typeSince: 23)
    if let type = options.outputType, !Self.results.contains(type) {
      throw .attribute("output_dtype", "expected one of \(Self.results), got \(type)")
    }
  }

  private static let results: TypeSet = [.float32, .float16, .bfloat16]

  var quantizationNotation: QuantizationNotation? {
    options.outputType == nil || options.outputType == .float32
      ? options.notation(.dequantizes) : nil
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(0)
    let scale = try inputs.tensor(1, [Self.results, .scale8]).elementType
    if inputs.has(2) { _ = try inputs.tensor(2, sameTypeAs: 0) }
    try options.checkZeroPoint(inputs)
    let type = options.outputType ?? scale
    guard Self.results.contains(type) else {
      throw .input(
        1, "a scale of type \(scale) cannot be the result's type: set the attribute output_dtype")
    }
    return [.tensor(type, x.shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let types = (try call.elementType(0), try call.elementType(1))
    guard let x = FloatReader(types.0), let scales = FloatReader(types.1),
      let target = try infer(call.inputs).first?.tensorType?.elementType,
      let writer = FloatWriter(target)
    else { throw .input(0, "unexpected element types \(types)") }
    let rows = try options.rows(call)
    let step = rows.scaleStep
    let hasZeros = call.inputs.has(2)
    if step == 0, types.1 == .float32, target == .float32, types.0 == .int8 || types.0 == .uint8 {
      return rows.byteKernel(types.0, hasZeros: hasZeros) { buffers, start, count, code in
        ck_bytes_to_float(buffers.input(0) + start, code, buffers.output(0) + start, count)
      }
    }
    return rows.kernel(x, scales: scales, zeros: hasZeros ? x : nil, writer) {
      block, scale, zero, count in
      ck_dequantize(block, zero, hasZeros ? step : 0, scale, step, block, count)
    }
  }
}

extension DequantizeLinear {
  static var versionSteps: [VersionStep] {
    [
      .introduced(10) { change throws(OperatorError) in
        var x = change.emit("Cast", [try change.input(0)], [change.castTarget(.float32)])
        if change.has(2) {
          let zero = change.emit("Cast", [try change.input(2)], [change.castTarget(.float32)])
          x = change.emit("Sub", [x, zero])
        }
        change.become("Mul", [x, try change.input(1)])
      },
      .scalePerAxis, .added(21, ["block_size": .int(0)]),
      VersionStep(
        23,
        down: { change throws(OperatorError) in
          guard let type = try change.int("output_dtype"), type != 0 else {
            return change.drop("output_dtype")
          }
          guard try change.elementType(1).rawValue == Int32(clamping: type) else {
            throw .attribute(
              "output_dtype",
              "expected the scale's type, the only result type of the target version")
          }
          change.drop("output_dtype")
        }),
    ]
  }
}

extension DequantizeLinear {
  static func exactInputs(_ node: Node) -> [Int] { [1] }
}

extension DequantizeLinear {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    // Blocks along the steps would begin anew in each chunk.
    site.onlyFirstHasSteps && site.sizes(1).count <= 1 ? .sameStep : .wholeSequence
  }
}
