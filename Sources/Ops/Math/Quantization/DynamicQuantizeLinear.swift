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
    guard let writer = FloatWriter(.uint8) else { throw .unsupported("uint8") }
    let parameters = { @Sendable (buffers: Buffers) -> (scale: Float, zero: Float) in
      let numbers = buffers.scratch.assumingMemoryBound(to: Float.self)
      return (numbers[0], numbers[1])
    }
    let tile: Buffers.Tile = { buffers, task, _ in
      var (scale, zero) = parameters(buffers)
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 512) { memory in
        guard let block = memory.baseAddress else { return }
        let range = tiles[task]
        for start in stride(from: range.lowerBound, to: range.upperBound, by: 512) {
          let size = min(512, range.upperBound - start)
          ck_div(buffers.input(0) + start, 1, &scale, 0, block, size)
          ck_quantize(block, &zero, 0, 0, 255, block, size)
          writer.write(block, size, to: buffers.output(0), at: start)
        }
      }
    }
    return .compute(scratch: 8) { buffers in
      let x = buffers.input(0, as: Float.self)
      let (low, high) = (ck_reduce_min(x, count, 0), ck_reduce_max(x, count, 0))
      let scale = (low == high ? 1 : high - low) / 255
      let zero = Swift.max(0, Swift.min(255, -low / scale)).rounded(.toNearestOrEven)
      let numbers = buffers.scratch.assumingMemoryBound(to: Float.self)
      (numbers[0], numbers[1]) = (scale, zero)
      if wants[0] { buffers.parallel(tiles.count, tile) }
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
