import ONNX
import ONNXOperators
import Testing

/// Gradients of matrix products.
@Suite struct ProductGradientTests {
  @Test(arguments: [(false, false), (false, true), (true, false), (true, true)])
  func ofGemm(transposes: (Bool, Bool)) throws {
    let node = Node(
      "Gemm", inputs: [], outputs: ["y"],
      attributes: [
        .int("transA", transposes.0 ? 1 : 0), .int("transB", transposes.1 ? 1 : 0),
        .float("alpha", 0.5), .float("beta", 2),
      ])
    let a = doubles(transposes.0 ? [4, 2] : [2, 4])
    let b = doubles(transposes.1 ? [3, 4] : [4, 3], seed: 2)
    for shape in [[3], [2, 3], [2, 1], [1, 3], []] {
      try checkGradient(node, [a, b, doubles(shape, seed: 3)])
    }
    try checkGradient(node, [a, b])
  }

  @Test func ofGemmBeforeBroadcasting() throws {
    let node = Node("Gemm", inputs: [], outputs: ["y"])
    try checkGradient(
      node, [doubles([2, 4]), doubles([4, 3], seed: 2), doubles([2, 3], seed: 3)], opset: 6)
    let ignored = Node("Gemm", inputs: [], outputs: ["y"], attributes: [.float("beta", 0)])
    try checkGradient(
      ignored, [doubles([2, 4]), doubles([4, 3], seed: 2), doubles([3], seed: 3)])
  }

  @Test(arguments: [
    ([3], [3]), ([3], [3, 2]), ([2, 3], [3]), ([2, 3], [3, 4]), ([2, 2, 3], [3, 4]),
    ([2, 1, 2, 3], [3, 2]), ([2, 2, 3], [2, 3, 4]), ([2, 1, 2, 3], [3, 3, 2]),
    ([3], [2, 3, 4]), ([2, 2, 3], [3]), ([2, 3], [2, 3, 2]),
  ]) func ofMatMul(shapes: ([Int], [Int])) throws {
    try checkGradient(
      Node("MatMul", inputs: [], outputs: ["y"]),
      [doubles(shapes.0), doubles(shapes.1, seed: 2)])
  }

  @Test func transposedProductsRefuseVectors() throws {
    let node = Node(
      "TransposedMatMul", domain: "swift.onnx", inputs: ["a", "b"], outputs: ["y"],
      attributes: [.int("transA", 1)])
    let made = try Registry.standard.make(node, operatorSet: 1).operator
    #expect(throws: OperatorError.self) {
      try made.infer(Inputs(types: [.tensor(.float32, [3]), .tensor(.float32, [3, 2])]))
    }
    #expect(throws: OperatorError.self) {
      try made.infer(Inputs(types: [.tensor(.float32, [2, 3]), .tensor(.float32, [3, 2])]))
    }
  }

  @Test(arguments: [
    ("ij,jk->ik", [[2, 3], [3, 4]]), ("bij,bkj->bik", [[2, 2, 3], [2, 4, 3]]),
    ("...ij,jk->...ik", [[2, 2, 3], [3, 2]]), ("i,j->ij", [[2], [3]]),
    ("ij,ij->", [[2, 3], [2, 3]]),
    ("ij,jk,kl->il", [[2, 3], [3, 2], [2, 2]]), ("ij->ji", [[2, 3]]),
    ("...i,...i->...", [[1, 3], [2, 3]]), ("ij,kj", [[2, 3], [4, 3]]),
  ]) func ofEinsum(equation: String, shapes: [[Int]]) throws {
    let node = Node(
      "Einsum", inputs: [], outputs: ["y"], attributes: [.string("equation", equation)])
    try checkGradient(
      node, shapes.enumerated().map { doubles($1, seed: UInt64($0 + 1)) })
  }

  @Test(arguments: ["ii->i", "ij->i"]) func refusesTermsOfEinsumItCannotTurn(equation: String)
    throws
  {
    let node = Node(
      "Einsum", inputs: [], outputs: ["y"], attributes: [.string("equation", equation)])
    #expect(throws: ModelError.self) { try checkGradient(node, [doubles([2, 2])]) }
  }
}
