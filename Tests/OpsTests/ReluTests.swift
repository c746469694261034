import ONNX
import OperatorLaws
import Testing

@Suite struct ReluTests {
  let node = Node("Relu", inputs: ["x"], outputs: ["y"])

  @Test func clampsNegativesToZero() throws {
    let y = try checkOperator(node, [Tensor(shape: [2, 2], [-1, 0, 2, -0.5] as [Float])])
    #expect(y == [Tensor(shape: [2, 2], [0, 0, 2, 0] as [Float])])
  }

  @Test func takesIntegersSinceOpset14() throws {
    let y = try checkOperator(node, [Tensor(shape: [3], [-7, 0, 7] as [Int8])], opset: 14)
    #expect(y == [Tensor(shape: [3], [0, 0, 7] as [Int8])])
  }

  @Test func rejectsAnAttributeThatNobodyReads() {
    var node = node
    node.attributes = [.float("alpha", 1)]
    #expect(throws: OperatorError.unknownAttribute("alpha")) {
      try checkOperator(node, [Tensor(shape: [1], [1] as [Float])])
    }
  }
}
