import ONNX
import Testing

/// Gradients of the operators of `com.microsoft`, which follow from their bodies or are their own.
@Suite struct ContribGradientTests {
  private func node(_ name: String, _ attributes: [Attribute] = []) -> Node {
    Node(name, domain: "com.microsoft", inputs: [], outputs: ["y"], attributes: attributes)
  }

  @Test(arguments: ["Gelu", "FastGelu", "QuickGelu"]) func ofActivations(name: String) throws {
    try checkGradient(node(name), [doubles([3, 4])])
  }

  @Test(arguments: [
    ([3, 2], [3, 4], ["transA"]), ([2, 3], [4, 3], ["transB"]), ([3], [3, 4], ["transA"]),
    ([2, 3], [3], ["transB"]), ([3], [3], []), ([5, 3, 2], [5, 4, 3], ["transA", "transB"]),
    ([2, 1, 2, 3], [3, 3, 4], []), ([4, 5, 3], [5, 3, 2], ["transBatchA"]),
    ([3, 5, 4], [2, 5, 3], ["transBatchA", "transA", "transBatchB", "transB"]),
  ]) func ofFusedMatMul(a: [Int], b: [Int], flags: [String]) throws {
    let attributes = flags.map { Attribute.int($0, 1) } + [.float("alpha", 0.5)]
    try checkGradient(node("FusedMatMul", attributes), [doubles(a), doubles(b, seed: 2)])
  }

  @Test func ofFusedConv() throws {
    try checkGradient(
      node("FusedConv", [.string("activation", "Tanh")]),
      [
        doubles([1, 2, 4, 4]), doubles([3, 2, 3, 3], seed: 2), doubles([3], seed: 3),
        doubles([1, 3, 2, 2], seed: 4),
      ])
  }

  @Test func ofFusedGemm() throws {
    try checkGradient(
      node("FusedGemm", [.string("activation", "Sigmoid"), .int("transB", 1)]),
      [doubles([2, 3]), doubles([4, 3], seed: 2), doubles([4], seed: 3)])
  }

  @Test func ofSkipLayerNormalization() throws {
    try checkGradient(
      node("SkipLayerNormalization", [.float("epsilon", 1e-3)]),
      [
        doubles([1, 2, 5]), doubles([1, 2, 5], seed: 2), doubles([5], seed: 3),
        doubles([5], seed: 4), doubles([5], seed: 5),
      ])
  }

  @Test func ofInverse() throws {
    let x = Tensor(shape: [1, 2, 2], [2, 1, 0.5, 1] as [Double])
    try checkGradient(node("Inverse"), [x])
  }
}
