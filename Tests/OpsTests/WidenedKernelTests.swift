import ONNX
import Testing

/// Products of 16-bit floats equal the rounded products of the same values in float32.
@Suite struct WidenedKernelTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let node: Node
    let shapes: [[Int]]
    var testDescription: String { node.operatorType }
  }

  static let cases = [
    Case(
      node: Node(
        "Conv", inputs: ["x", "w", "b"], outputs: ["y"], attributes: [.ints("pads", [1, 1, 1, 1])]),
      shapes: [[2, 3, 9, 10], [20, 3, 3, 3], [20]]),
    Case(
      node: Node(
        "ConvTranspose", inputs: ["x", "w", "b"], outputs: ["y"],
        attributes: [.ints("strides", [2, 2]), .int("group", 2)]),
      shapes: [[1, 4, 5, 6], [4, 3, 3, 3], [6]]),
    Case(
      node: Node(
        "Gemm", inputs: ["a", "b", "c"], outputs: ["y"],
        attributes: [.float("alpha", 0.5), .float("beta", 2), .int("transB", 1)]),
      shapes: [[7, 40], [33, 40], [33]]),
    Case(
      node: Node("MatMul", inputs: ["a", "b"], outputs: ["y"]), shapes: [[3, 7, 40], [40, 33]]),
    Case(
      node: Node("MatMul", inputs: ["a", "b"], outputs: ["y"]), shapes: [[3, 7, 40], [3, 40, 5]]),
  ]

  @Test(arguments: cases, [ElementType.float16, .bfloat16])
  func giveTheRoundedResultsOfFloat32(_ given: Case, _ type: ElementType) throws {
    let narrow = given.shapes.map { shape in
      float32(shape, noise(shape.reduce(1, *))).converted(to: type)
    }
    let wide = try narrow.map { tensor in
      float32(
        tensor.shape,
        type == .float16
          ? try tensor.array(as: Float16.self).map(Float.init)
          : try tensor.array(as: BFloat16.self).map(\.float))
    }
    for constants in [[], [1], [0, 1, 2]] as [Set<Int>] {
      let expected = try evaluatePrepared(given.node, wide, constants: constants)
        .converted(to: type)
      for threads in [1, 2] {
        let result = try evaluatePrepared(
          given.node, narrow, constants: constants, threads: threads)
        #expect(result == expected, "\(constants), \(threads) threads")
      }
    }
  }
}
