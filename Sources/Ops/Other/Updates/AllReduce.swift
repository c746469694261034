import ONNXFormat
import ONNXOperators

/// Gives a shard's term of a sum over the shards of a batch to the session's `GradientExchange`.
///
/// Inputs are `X` and the number of the shard, an int64 scalar. The output is that number: the sum
/// itself is collected after the run. With `blocking` the node waits, and the output is the sum.
/// Without an exchange there is one shard, whose term is the sum.
struct AllReduce: DifferentiableOperator {
  static let schema = Schema(
    "AllReduce", domain: "swift.onnx", [1: [.floats, .bfloat16]], inputs: 2...2, outputs: 1...1)
  /// The number of the sum.
  let slot: Int
  /// The number of the sum of the gradients, if the node waits.
  let gradientSlot: Int?
  let isBlocking: Bool
  var isPure: Bool { false }

  init(_ node: inout NodeReader) throws(OperatorError) {
    slot = try node.int("slot")
    isBlocking = try node.flag("blocking")
    gradientSlot = try node.optionalInt("gradient_slot")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0, [.floats, .bfloat16])
    let shard = try inputs.tensor(1, .int64)
    if let rank = shard.shape?.rank, rank != 0 {
      throw .input(1, "expected the number of a shard, got shape \(shard)")
    }
    return [.tensor(isBlocking ? type : TensorType(.int64, []))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let byteCount = Int.work(try call.inputCount(0), try call.elementType(0).stride)
    let (exchange, slot) = (call.exchange, slot)
    if isBlocking {
      return .compute { buffers throws(OperatorError) in
        let term = UnsafeRawBufferPointer(start: buffers.address(0), count: byteCount)
        let sum = UnsafeMutableRawBufferPointer(start: buffers.address(2), count: byteCount)
        guard let exchange else { return sum.copyMemory(from: term) }
        let shard = Int(buffers.input(1, as: Int64.self)[0])
        try exchange.sum(term, into: sum, slot: slot, shard: shard)
      }
    }
    return .compute { buffers throws(OperatorError) in
      let shard = buffers.input(1, as: Int64.self)[0]
      buffers.output(0, as: Int64.self)[0] = shard
      let term = UnsafeRawBufferPointer(start: buffers.address(0), count: byteCount)
      try exchange?.add(term, slot: slot, shard: Int(shard))
    }
  }

  /// Every shard's sum depends on the terms of all: `gX = Σ gY` over the shards.
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard isBlocking else { return }
    guard let gradient = backward.gradient(), let gradientSlot else {
      throw .attribute("gradient_slot", "is missing")
    }
    backward.set(
      0,
      backward.builder.privateNode(
        "AllReduce", [gradient, backward.input(1)],
        [.int("slot", gradientSlot), .int("blocking", 1)]))
  }
}
