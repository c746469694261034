import CKernels
import ONNXFormat
import ONNXOperators

/// `y = saturate(round(x / scale) + zeroPoint)`, rounding half to even. For a floating-point `y`
/// there is no rounding to an integer.
struct QuantizeLinear: Operator {
  static let schema = Schema(
    "QuantizeLinear",
    [
      10: [.float32, .int32], 13: [.float32, .int32], 19: .quantizable, 21: .quantizable,
      23: .quantizable, 24: .quantizable, 25: .quantizable, 28: .quantizable,
    ], inputs: 2...3)
  private let options: QuantizationOptions
  private let isSaturating: Bool
  private let precision: ElementType?

  init(_ node: inout NodeReader) throws(OperatorError) {
    options = try QuantizationOptions(&node, typeSince: 21)
    isSaturating = node.version >= 19 ? try node.flag("saturate", default: true) : true
    let number = node.version >= 23 ? try node.int("precision", default: 0) : 0
    precision = number == 0 ? nil : try node.optionalElementType("precision")
    let precisions: TypeSet = [.float32, .float16, .bfloat16, .float64]
    if let precision, !precisions.contains(precision) {
      throw .attribute("precision", "expected one of \(precisions), got \(precision)")
    }
    if let type = options.outputType, !TypeSet.quantized.contains(type) {
      throw .attribute("output_dtype", "expected one of \(TypeSet.quantized), got \(type)")
    }
  }

  var quantizationNotation: QuantizationNotation? {
    precision == nil || precision == .float32 ? options.notation(.quantizes) : nil
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(0)
    _ = try inputs.tensor(1, [.quantizable, .scale8])
    var type = options.outputType
    if inputs.has(2) {
      let zero = try inputs.tensor(2, .quantized).elementType
      if let type, type != zero {
        throw .input(2, "expected \(type), the type given by output_dtype, got \(zero)")
      }
      type = zero
    }
    try options.checkZeroPoint(inputs)
    return [.tensor(type ?? .uint8, x.shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let types = (try call.elementType(0), try call.elementType(1))
    guard let target = try infer(call.inputs).first?.tensorType?.elementType,
      let x = FloatReader(types.0), let scales = FloatReader(types.1),
      let zeros = FloatReader(target),
      let writer = FloatWriter(target, ElementConversion.Rules(isSaturating: isSaturating))
    else { throw .input(0, "unexpected element types \(types)") }
    let rows = try options.rows(call)
    let step = rows.scaleStep
    let hasZeros = call.inputs.has(2)
    let division = precision ?? (types.0 == types.1 ? types.0 : .float32)
    if step == 0, types == (.float32, .float32), division == .float32,
      target == .int8 || target == .uint8
    {
      return rows.byteKernel(target, hasZeros: hasZeros) { buffers, start, count, code in
        ck_float_to_bytes(buffers.input(0) + start, code, buffers.output(0) + start, count)
      }
    }
    let range = target.quantizedRange
    return rows.kernel(x, scales: scales, zeros: hasZeros ? zeros : nil, writer) {
      block, scale, zero, count in
      ck_div(block, 1, scale, step, block, count)
      round(block, count, to: division)
      if let range {
        ck_quantize(block, zero, hasZeros ? step : 0, range.low, range.high, block, count)
      } else if hasZeros {
        ck_add(block, 1, zero, step, block, count)
      }
    }
  }
}

/// Rounds numbers to the precision of a 16-bit type.
private func round(_ block: UnsafeMutablePointer<Float>, _ count: Int, to type: ElementType) {
  func round<T: HalfFloat>(_ type: T.Type) {
    withUnsafeTemporaryAllocation(of: T.self, capacity: count) { half in
      guard let half = half.baseAddress else { return }
      T.narrow(block, half, count)
      T.widen(half, block, count)
    }
  }
  switch type {
  case .float16: round(Float16.self)
  case .bfloat16: round(BFloat16.self)
  default: break
  }
}

extension TypeSet {
  fileprivate static let quantizable: TypeSet = [.float32, .float16, .bfloat16, .int32]
}

extension QuantizeLinear {
  static var versionSteps: [VersionStep] {
    [
      .introduced(10) { change throws(OperatorError) in
        let type = change.has(2) ? try change.elementType(2) : .uint8
        var x = try change.input(0)
        if try change.elementType(0) != .float32 {
          x = change.emit("Cast", [x], [change.castTarget(.float32)])
        }
        x = change.emit("Div", [x, try change.input(1)])
        x = try change.roundToEven(x, .float32)
        if change.has(2) {
          let zero = change.emit("Cast", [try change.input(2)], [change.castTarget(.float32)])
          x = change.emit("Add", [x, zero])
        }
        let bounds: [Float] = type == .int8 ? [-128, 127] : [0, 255]
        x = change.emit("Clip", [x], [.float("min", bounds[0]), .float("max", bounds[1])])
        change.become("Cast", [x], [change.castTarget(type)])
      },
      .scalePerAxis,
      VersionStep(19, down: { change throws(OperatorError) in change.drop("saturate") }),
      VersionStep(
        21,
        down: { change throws(OperatorError) in
          try change.dropNeutral("block_size", .int(0))
          let type = try change.int("output_dtype") ?? 0
          change.drop("output_dtype")
          guard type != 0, !change.has(2) else { return }
          guard let type = ElementType(rawValue: Int32(clamping: type)),
            TypeSet.quantized.contains(type), let sizes = change.sizes(1),
            let count = sizes.elementCount, count <= 1 << 24
          else {
            throw .attribute(
              "output_dtype", "the shape of the scale must be known before operator set 21")
          }
          do throws(TensorError) {
            let zeros = try Tensor(zeroed: type, shape: sizes)
            change.setInput(2, change.constant(zeros, "zero_point"))
          } catch {
            throw OperatorError(error)
          }
        }),
      .added(23, ["precision": .int(0)]),
    ]
      // All types that DequantizeLinear takes, except int32, can be quantised to.
      + VersionStep.types(
        ofInput: 2,
        DequantizeLinear.schema.versions.map { ($0.since, $0.types.subtracting(.int32)) })
  }
}

extension QuantizeLinear {
  static func exactInputs(_ node: Node) -> [Int] { [0, 1] }
}

extension QuantizeLinear {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    // Blocks along the steps would begin anew in each chunk.
    site.onlyFirstHasSteps && site.sizes(1).count <= 1 ? .sameStep : .wholeSequence
  }
}
