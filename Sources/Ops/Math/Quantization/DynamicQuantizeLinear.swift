import CKernels
import ONNXFormat
import ONNXOperators

/// Quantises to uint8 with the scale and zero point (scalar outputs 1 and 2) that map the range of
/// the elements, extended to include 0, to 0…255.
struct DynamicQuantizeLinear: AttributeFreeOperator {
  static let schema = Schema(
    "DynamicQuantizeLinear", [11: .float32], inputs: 1...1, outputs: 3...3)

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(0, .float32)
    return [.tensor(.uint8, x.shape), .tensor(.float32, []), .tensor(.uint8, [])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0)
    let wants = (0..<3).map(call.wants)
    let tiles = Tiles(count)
    // The range of each tile, then the scale and zero point.
    @Sendable func numbers(_ buffers: Buffers) -> UnsafeMutablePointer<Float> {
      buffers.scratch.assumingMemoryBound(to: Float.self)
    }
    let measure: Buffers.Tile = { buffers, task, _ in
      let range = tiles[task]
      let ends = numbers(buffers) + 2 * task
      (ends[0], ends[1]) = (0, 0)
      ck_int8_range(buffers.input(0) + range.lowerBound, range.count, ends, ends + 1)
    }
    let quantize: Buffers.Tile = { buffers, task, _ in
      let range = tiles[task]
      let code = numbers(buffers) + 2 * tiles.count
      ck_int8_quantize(
        buffers.input(0) + range.lowerBound, range.count, code[0], code[1],
        buffers.output(0) + range.lowerBound)
    }
    return .compute(scratch: .work(.total(tiles.count, 1), 2, 4)) { buffers in
      buffers.parallel(tiles.count, measure)
      let ends = numbers(buffers)
      var (low, high) = (Float(0), Float(0))
      for task in 0..<tiles.count {
        low = Swift.min(low, ends[2 * task])
        high = Swift.max(high, ends[2 * task + 1])
      }
      let scale = (low == high ? 1 : high - low) / 255
      let zero = Swift.max(0, Swift.min(255, -low / scale)).rounded(.toNearestOrEven)
      (ends[2 * tiles.count], ends[2 * tiles.count + 1]) = (scale, zero)
      if wants[0] { buffers.parallel(tiles.count, quantize) }
      if wants[1] { buffers.output(1)[0] = scale }
      if wants[2] { buffers.output(2)[0] = UInt8(truncating: zero) }
    }
  }
}

extension DynamicQuantizeLinear {
  static var versionSteps: [VersionStep] {
    [
      .introduced(11) { change throws(OperatorError) in
        let x = try change.input(0)
        let zero = try change.scalar(0, .float32, "zero")
        let high = change.emit("Max", [change.reduce("ReduceMax", x, [], keepsAxes: false), zero])
        let low = change.emit("Min", [change.reduce("ReduceMin", x, [], keepsAxes: false), zero])
        let range = change.emit("Sub", [high, low])
        let isEmpty = change.emit("Not", [change.emit("Greater", [range, zero])])
        let width = change.emit(
          "Add", [range, change.emit("Cast", [isEmpty], [change.castTarget(.float32)])])
        let levels = try change.scalar(255, .float32, "levels")
        let scale = change.emit("Div", [width, levels], as: change.output(1))
        let place = change.emit(
          "Clip", [change.emit("Div", [change.emit("Neg", [low]), scale])],
          [.float("min", 0), .float("max", 255)])
        let whole = try change.roundToEven(place, .float32)
        let point = change.emit("Cast", [whole], [change.castTarget(.uint8)], as: change.output(2))
        change.become("QuantizeLinear", [x, scale, point])
      }
    ]
  }
}
