import ONNX
import ONNXOperators
import OperatorLaws
import Testing

/// Quantised layers. The results are those of onnxruntime; tools/compare/contrib_operators.py compares
/// many more.
@Suite struct QuantizedModelTests {
  private static let x = Tensor(shape: [2, 1, 3], [1, -2, 0.5, 0.25, 3, -1] as [Float])
  private static let w = Tensor(shape: [1, 3, 8], (0..<24).map { Int8($0 - 12) })
  private static let r = Tensor(shape: [1, 2, 8], (0..<16).map { Int8($0 * 5 - 40) })

  private func lstm(
    lengths: [Int32]? = nil, scale: Tensor = vector(0.05 as Float),
    _ attributes: [Attribute] = []
  ) throws -> [Tensor?] {
    let inputs: [Tensor?] = [
      Self.x, Self.w, Self.r, nil, lengths.map { Tensor(shape: [1], $0) }, nil, nil, nil, scale,
      vector(0 as Int8), vector(0.02 as Float), vector(0 as Int8),
    ]
    let node = Node(
      "DynamicQuantizeLSTM", domain: "com.microsoft",
      inputs: inputs.indices.map { inputs[$0] == nil ? "" : "x\($0)" },
      outputs: ["Y", "Y_h", "Y_c"], attributes: [.int("hidden_size", 2)] + attributes)
    return try checkOperator(node, inputs, opset: 1)
  }

  @Test func lstmForward() throws {
    let outputs = try lstm()
    #expect(
      isClose(try #require(outputs[0]), [-0.05271107, -0.05621396, -0.04156119, -0.03858991]))
    #expect(isClose(try #require(outputs[1]), [-0.04156119, -0.03858991]))
    #expect(isClose(try #require(outputs[2]), [-0.12652077, -0.10971187]))
  }

  @Test func lstmReverse() throws {
    let outputs = try lstm([.string("direction", "reverse")])
    #expect(
      isClose(try #require(outputs[0]), [-0.07020660, -0.06857453, -0.02439812, -0.01715859]))
    #expect(isClose(try #require(outputs[2]), [-0.15178357, -0.15053798]))
  }

  @Test func lstmStopsAtTheLengthOfTheSequence() throws {
    let outputs = try lstm(lengths: [0])
    for output in outputs {
      #expect(try #require(output).elements(as: Float.self).allSatisfy { $0 == 0 })
    }
    #expect(throws: OperatorError.self) { try lstm(lengths: [3]) }
    #expect(throws: OperatorError.self) { try lstm(lengths: [-1]) }
  }

  @Test func lstmRejectsScalesThatDoNotFit() {
    #expect(throws: OperatorError.self) { try lstm(scale: vector(0.1, 0.2 as Float)) }
    #expect(throws: OperatorError.self) {
      try lstm(scale: Tensor(shape: [1, 7], [Float](repeating: 0.1, count: 7)))
    }
  }

  @Test func lstmOfNumbersThatAreNotFinite() throws {
    let inputs: [Tensor?] = [
      Tensor(shape: [1, 1, 3], [.nan, .infinity, 1] as [Float]), Self.w, Self.r, nil, nil, nil,
      nil, nil, vector(0.05 as Float), vector(0 as Int8), vector(0.02 as Float),
      vector(0 as Int8),
    ]
    let y = try contrib("DynamicQuantizeLSTM", inputs, [.int("hidden_size", 2)])
    #expect(y.shape == [1, 1, 1, 2])
  }

  private func embedding(segments: Tensor?) throws -> [Tensor?] {
    let (one, zero) = (Tensor(1 as Float), Tensor(0 as UInt8))
    let inputs: [Tensor?] = [
      Tensor(shape: [1, 2], [1, 0] as [Int32]), segments,
      Tensor(shape: [2, 4], [1, 2, 3, 4, 8, 5, 6, 7] as [UInt8]),
      Tensor(shape: [2, 4], [0, 0, 0, 1, 1, 0, 0, 0] as [UInt8]), nil,
      vector(1, 1, 1, 2 as UInt8), vector(0, 0, 1, 0 as UInt8),
      Tensor(shape: [1, 2], [1, 0] as [Int32]), one, one, nil, one, one, zero, zero, nil, zero,
      zero,
    ]
    let node = Node(
      "QEmbedLayerNormalization", domain: "com.microsoft",
      inputs: inputs.indices.map { inputs[$0] == nil ? "" : "x\($0)" },
      outputs: ["y", "mask_index"], attributes: [.float("epsilon", 1e-5)])
    return try checkOperator(node, inputs, opset: 1)
  }

  @Test func embeddingOfWordsAndPositions() throws {
    let outputs = try embedding(segments: nil)
    #expect(
      isClose(
        try #require(outputs[0]),
        [
          0.96224755, -1.3471466, 0.42265147, 1.9244951, -0.90452743, -0.90452743, 1.3015091,
          3.0150914,
        ]))
    #expect(Array(try #require(outputs[1]).elements(as: Int32.self)) == [1])
  }

  @Test func embeddingRejectsSegmentsWithoutTheirTable() {
    #expect(throws: OperatorError.self) {
      try embedding(segments: Tensor(shape: [1, 2], [0, 0] as [Int32]))
    }
  }
}
