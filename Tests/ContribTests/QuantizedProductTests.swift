import ONNX
import ONNXOperators
import Testing

/// Products of quantised matrices. The results are those of onnxruntime;
/// tools/compare/contrib_operators.py compares many more.
@Suite struct QuantizedProductTests {
  private static let a = pairs(1, 2, 3, 4 as UInt8)
  private static let b = pairs(1, -1, 2, 3 as Int8)

  @Test func integersToFloat() throws {
    let y = try contrib(
      "MatMulIntegerToFloat",
      [
        Self.a, Self.b, Tensor(0.5 as Float), vector(1, 2 as Float), Tensor(1 as UInt8),
        vector(0, 0 as Int8), vector(10, 20 as Float),
      ])
    #expect(Array(y.elements(as: Float.self)) == [11, 23, 14, 27])
  }

  @Test func integersToFloatRejectsScalesOfRows() {
    #expect(throws: OperatorError.self) {
      try contrib(
        "MatMulIntegerToFloat", [Self.a, Self.b, vector(1, 2 as Float), Tensor(1 as Float)])
    }
  }

  @Test func dynamicQuantization() throws {
    let y = try contrib(
      "DynamicQuantizeMatMul",
      [Tensor(shape: [1, 2], [-1, 2] as [Float]), Self.b, Tensor(0.5 as Float)])
    #expect(isClose(y, [1.5, 3.5]))
  }

  @Test func gemm() throws {
    let y = try contrib(
      "QGemm",
      [
        Self.a, Tensor(0.5 as Float), Tensor(1 as UInt8), Self.b, Tensor(1 as Float),
        Tensor(0 as Int8), vector(4, 8 as Int32), Tensor(0.25 as Float), Tensor(7 as UInt8),
      ], [.int("transB", 1)])
    #expect(Array(y.elements(as: UInt8.self)) == [13, 29, 13, 49])
  }

  @Test func gemmRejectsAZeroPointWithoutItsScale() {
    #expect(throws: OperatorError.self) {
      try contrib(
        "QGemm",
        [
          Self.a, Tensor(0.5 as Float), Tensor(1 as UInt8), Self.b, Tensor(1 as Float),
          Tensor(0 as Int8), nil, nil, Tensor(7 as UInt8),
        ])
    }
  }

  @Test func integersOf16Bits() throws {
    let y = try contrib(
      "MatMulInteger16",
      [
        Tensor(shape: [1, 2], [300, -200] as [Int16]),
        Tensor(shape: [2, 1], [100, 50] as [Int16]),
      ])
    #expect(Array(y.elements(as: Int32.self)) == [20000])
  }

  @Test func linearMapsOf16Bits() throws {
    let y = try contrib(
      "QuantizeLinear",
      [vector(-1e9, 0.5, 1.5, 1e9 as Float), Tensor(1 as Float), Tensor(3 as Int16)])
    #expect(Array(y.elements(as: Int16.self)) == [-32768, 3, 5, 32767])
    let x = try contrib(
      "DequantizeLinear",
      [pairs(1, 2, 3, 4 as UInt16), vector(1, 2 as Float), vector(0, 1 as UInt16)],
      [.int("axis", 1)])
    #expect(Array(x.elements(as: Float.self)) == [1, 2, 3, 6])
  }
}
