import ONNX
import Testing

@Suite struct AttentionGradientTests {
  private func ramp(_ shape: [Int], _ factor: Double) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(shape: shape, (0..<count).map { Double(($0 * 7) % 11 - 5) * factor })
  }

  private func node(_ inputs: Int, outputs: Int = 1, _ attributes: Attribute...) -> Node {
    Node(
      "Attention", inputs: (0..<inputs).map { "x\($0)" }, outputs: (0..<outputs).map { "y\($0)" },
      attributes: attributes)
  }

  @Test func headsThatShareKeysSumTheirGradients() throws {
    try checkGradient(
      node(3, .int("is_causal", 1)),
      [ramp([1, 4, 3, 2], 0.1), ramp([1, 2, 3, 2], 0.2), ramp([1, 2, 3, 5], 0.3)], opset: 23)
  }

  @Test func packedHeadsWithMaskAndCap() throws {
    try checkGradient(
      node(
        4, .int("q_num_heads", 2), .int("kv_num_heads", 2), .float("scale", 0.5),
        .float("softcap", 1.5)),
      [ramp([2, 3, 4], 0.2), ramp([2, 5, 4], 0.2), ramp([2, 5, 6], 0.3), ramp([3, 5], 0.1)],
      opset: 23)
  }

  @Test func scoresMayBeAnOutputToo() throws {
    try checkGradient(
      node(3, outputs: 4, .int("qk_matmul_output_mode", 2)),
      [ramp([1, 2, 3, 2], 0.1), ramp([1, 2, 3, 2], 0.2), ramp([1, 2, 3, 2], 0.3)], outputs: [0],
      opset: 23)
  }

  @Test func pastAndPresentHaveGradients() throws {
    try checkGradient(
      node(6, outputs: 3),
      [
        ramp([1, 2, 2, 3], 0.2), ramp([1, 2, 2, 3], 0.3), ramp([1, 2, 2, 2], 0.1), nil,
        ramp([1, 2, 1, 3], 0.2), ramp([1, 2, 1, 2], 0.4),
      ], opset: 23)
  }
}
