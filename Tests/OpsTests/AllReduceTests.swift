import ONNX
import OperatorLaws
import Testing

/// Sums over the shards of a batch, without an exchange; TrainingTests have those with one.
@Suite struct AllReduceTests {
  private let blocking: [Attribute] = [
    .int("slot", 0), .int("gradient_slot", 1), .int("blocking", 1),
  ]
  private let shard = Tensor(3 as Int64)

  private func node(_ attributes: [Attribute], inputs: Int = 2) -> Node {
    Node(
      "AllReduce", domain: "swift.onnx", inputs: (0..<inputs).map { "x\($0)" }, outputs: ["y"],
      attributes: attributes)
  }

  @Test func theTermOfTheOnlyShardIsTheSum() throws {
    for term in [
      Tensor(shape: [2, 2], [1, -2, 3, 4] as [Float]), Tensor(shape: [], [0.5]),
      Tensor(shape: [0, 3], [] as [Double]), Tensor(shape: [2], [1, 2] as [Float16]),
      Tensor(shape: [2], [1, 2].map { BFloat16($0) }),
    ] {
      #expect(try checkOperator(node(blocking), [term, shard], opset: 1) == [term])
      #expect(try checkOperator(node([.int("slot", 7)]), [term, shard], opset: 1) == [shard])
    }
  }

  @Test func theGradientIsTheSumOfGradients() throws {
    // Without an exchange: that of the only shard.
    try checkGradient(node(blocking), [doubles([2, 3]), shard], by: [0], opset: 1)
  }

  @Test func rejectsWhatIsNoTermOrNoShard() throws {
    let term = Tensor(shape: [2], [1, 2] as [Float])
    let cases: [([Attribute], [Tensor])] = [
      ([], [term, shard]), ([.float("slot", 0)], [term, shard]),
      (blocking + [.int("bucket", 1)], [term, shard]),
      ([.int("slot", 0), .int("blocking", 2)], [term, shard]),
      (blocking, [term]), (blocking, [term, shard, shard]), (blocking, [shard, shard]),
      (blocking, [term, term]), (blocking, [term, Tensor(shape: [1], [3] as [Int64])]),
      (blocking, [term, Tensor(shape: [0], [] as [Int64])]),
    ]
    for (attributes, inputs) in cases {
      #expect(throws: OperatorError.self, "\(attributes) \(inputs)") {
        try checkOperator(node(attributes, inputs: inputs.count), inputs, opset: 1)
      }
    }
  }
}
