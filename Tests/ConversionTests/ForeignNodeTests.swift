import ONNX
import ONNXConversion
import Testing

/// Conversions of models that already hold quantized nodes or nodes of onnxruntime.
@Suite struct ForeignNodeTests {
  /// A product between rounding to 8 bits, as quantizers write it.
  private var quantized: Model {
    model(
      13, [3, 4],
      [
        Node("QuantizeLinear", inputs: ["x", "xs", "xz"], outputs: ["q"]),
        Node("DequantizeLinear", inputs: ["q", "xs", "xz"], outputs: ["d"]),
        Node("DequantizeLinear", inputs: ["w", "ws", "wz"], outputs: ["dw"]),
        Node("MatMul", inputs: ["d", "dw"], outputs: ["m"]),
        Node("Relu", inputs: ["m"], outputs: ["y"]),
      ],
      constants: [
        NamedTensor("xs", Tensor(Float(1.0 / 127))), NamedTensor("xz", Tensor(Int8(0))),
        NamedTensor("w", Tensor(shape: [4, 2], [100, -50, 3, 7, -128, 127, 55, 1] as [Int8])),
        NamedTensor("ws", Tensor(Float(1e-6))), NamedTensor("wz", Tensor(Int8(0))),
      ])
  }

  /// A fused product and an activation, as onnxruntime's optimizer writes them.
  private var fused: Model {
    var model = model(
      17, [3, 4],
      [
        Node(
          "FusedMatMul", domain: "com.microsoft", inputs: ["x", "w"], outputs: ["m"],
          attributes: [.int("transB", 1), .float("alpha", 0.5)]),
        Node("QuickGelu", domain: "com.microsoft", inputs: ["m"], outputs: ["g"]),
        Node("Exp", inputs: ["g"], outputs: ["y"]),
      ], constants: [NamedTensor("w", noise([2, 4], seed: 1))])
    model.operatorSets.append(OperatorSetImport(domain: "com.microsoft", version: 1))
    return model
  }

  private func check(_ source: Model, _ changed: Model, within share: Float) throws {
    let x = noise([3, 4], seed: 2)
    let (expected, got) = (try run(source, x), try run(changed, x))
    let largest = expected.map(abs).max() ?? 0
    for (a, b) in zip(expected, got) { #expect(abs(a - b) <= share * largest) }
  }

  @Test func theyKeepTheirMeaning() throws {
    for source in [quantized, fused] {
      try check(source, source.simplified(), within: 1e-5)
      for version in [13, 18, 21, 22] {
        try check(source, source.converted(toOperatorSet: version), within: 1e-5)
      }
      try check(source, source.narrowed(to: .float16).model, within: 4e-3)
      try check(source, source.narrowed(to: .bfloat16).model, within: 4e-2)
      try check(source, source.narrowed(to: .float16).model.widened(), within: 4e-3)
    }
  }

  @Test func whatIsNotQuantizedIsExplained() throws {
    let again = #expect(throws: ConversionError.self) { try quantized.dynamicallyQuantized() }
    #expect(again?.description.contains("quantized already") == true)
    for quantize in [
      { try fused.dynamicallyQuantized().model }, { try fused.blockQuantized().model },
    ] {
      let error = #expect(throws: ConversionError.self) { try quantize() }
      #expect(error?.description.contains("com.microsoft (FusedMatMul") == true)
    }
  }
}
