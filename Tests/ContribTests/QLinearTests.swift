import ONNX
import ONNXOperators
import Testing

/// Operators from 8-bit to 8-bit integers. The results are those of onnxruntime;
/// tools/compare/contrib_operators.py compares many more.
@Suite struct QLinearTests {
  private static let half = Tensor(0.5 as Float)
  private static let one = Tensor(1 as Float)
  private static func zero(_ value: UInt8) -> Tensor { Tensor(value) }

  private static let a = vector(3, 4, 250, 0 as UInt8)

  @Test func addRoundsAfterTheZeroPointIsAdded() throws {
    let y = try contrib(
      "QLinearAdd",
      [
        Self.a, Self.half, Self.zero(1), vector(2, 2, 255, 9 as UInt8), Self.half, Self.zero(0),
        Self.one, Self.zero(3),
      ])
    #expect(Array(y.elements(as: UInt8.self)) == [5, 6, 255, 7])
  }

  @Test func mulRoundsAfterTheZeroPointIsAdded() throws {
    let y = try contrib(
      "QLinearMul",
      [
        Self.a, Self.half, Self.zero(1), vector(3, 3, 255, 9 as UInt8), Self.half, Self.zero(0),
        Self.one, Self.zero(3),
      ])
    #expect(Array(y.elements(as: UInt8.self)) == [4, 5, 255, 1])
  }

  @Test func addBroadcastsAndTakesZeroPointsThatAreLeftOut() throws {
    let y = try contrib(
      "QLinearAdd",
      [
        Tensor(shape: [2, 1], [-1, 100] as [Int8]), Self.one, nil, vector(1, 2, 127 as Int8),
        Self.one, nil, Self.one,
      ])
    #expect(y.shape == [2, 3])
    #expect(Array(y.elements(as: Int8.self)) == [0, 1, 126, 101, 102, 127])
  }

  @Test func addRejectsScalesOfAxes() {
    let scales = vector(1, 2, 3, 4 as Float)
    #expect(throws: OperatorError.self) {
      try contrib(
        "QLinearAdd", [Self.a, scales, nil, Self.a, Self.one, nil, Self.one, Self.zero(0)])
    }
  }

  @Test func addRejectsOperandsOfDifferentTypes() {
    #expect(throws: OperatorError.self) {
      try contrib(
        "QLinearAdd",
        [Self.a, Self.one, nil, vector(1, 2, 3, 4 as Int8), Self.one, nil, Self.one, nil])
    }
  }

  @Test func activations() throws {
    let x = vector(-128, -40, 0, 40, 127 as Int8)
    let scale = Tensor(0.05 as Float)
    let sigmoid = try contrib(
      "QLinearSigmoid",
      [x, scale, Tensor(0 as Int8), Tensor(1 / 256 as Float), Tensor(-128 as Int8)])
    #expect(Array(sigmoid.elements(as: Int8.self)) == [-128, -97, 0, 97, 127])
    let relu = try contrib(
      "QLinearLeakyRelu", [x, scale, nil, Tensor(0.1 as Float)], [.float("alpha", 0.25)])
    #expect(Array(relu.elements(as: Int8.self)) == [-16, -5, 0, 20, 64])
  }

  @Test func softmaxMultipliesByAWholeNumberOfLevels() throws {
    let y = try contrib(
      "QLinearSoftmax",
      [
        vector(100, 120, 140 as UInt8), Tensor(0.05 as Float), Self.zero(0),
        Tensor(0.0039 as Float), Self.zero(0),
      ], [.int("opset", 13)])
    #expect(Array(y.elements(as: UInt8.self)) == [23, 63, 170])
  }

  @Test func softmaxOfOneSaturates() throws {
    let y = try contrib(
      "QLinearSoftmax",
      [
        vector(-100, 100 as Int8), Self.one, nil, Tensor(1 / 256 as Float), Tensor(-128 as Int8),
      ], [.int("opset", 13)])
    #expect(Array(y.elements(as: Int8.self)) == [-128, 127])
  }

  @Test func concatRequantises() throws {
    let y = try contrib(
      "QLinearConcat",
      [
        Tensor(0.1 as Float), Self.zero(10), vector(10, 20 as UInt8), Tensor(0.2 as Float),
        Self.zero(10), vector(30, 250 as UInt8), Tensor(0.05 as Float), Self.zero(0),
      ], [.int("axis", 0)])
    #expect(Array(y.elements(as: UInt8.self)) == [10, 30, 25, 135])
  }

  @Test func concatRejectsATensorWithoutItsScale() {
    #expect(throws: OperatorError.self) {
      try contrib(
        "QLinearConcat", [Self.one, Self.zero(0), Self.a, Self.one, Self.zero(0), Self.a],
        [.int("axis", 0)])
    }
  }

  @Test func whereRequantises() throws {
    let y = try contrib(
      "QLinearWhere",
      [
        vector(true, false, true), vector(1, 2, 3 as UInt8), Self.one, Self.zero(0),
        vector(10, 20, 30 as UInt8), Self.half, Self.zero(0), Tensor(0.25 as Float),
        Self.zero(1),
      ])
    #expect(Array(y.elements(as: UInt8.self)) == [5, 41, 13])
  }

  private static let image = Tensor(shape: [1, 4, 2], [1, 2, 3, 4, 5, 6, 7, 8] as [UInt8])

  @Test func averagePoolWithChannelsLast() throws {
    let y = try contrib(
      "QLinearAveragePool", [Self.image, Self.one, Self.zero(0), Self.half, Self.zero(1)],
      [.ints("kernel_shape", [2]), .int("channels_last", 1)])
    #expect(y.shape == [1, 3, 2])
    #expect(Array(y.elements(as: UInt8.self)) == [5, 7, 9, 11, 13, 15])
  }

  @Test func globalAveragePoolWithChannelsLast() throws {
    let y = try contrib(
      "QLinearGlobalAveragePool", [Self.image, Self.one, Self.zero(0), Self.half, Self.zero(1)],
      [.int("channels_last", 1)])
    #expect(y.shape == [1, 1, 2])
    #expect(Array(y.elements(as: UInt8.self)) == [9, 11])
  }

  @Test func convolutionWithChannelsLast() throws {
    let y = try contrib(
      "QLinearConv",
      [
        Tensor(shape: [1, 2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8] as [UInt8]), Self.one, Self.zero(0),
        Tensor(shape: [1, 2, 1, 1], [1, 2] as [UInt8]), Self.half, Self.zero(0), Self.one,
        Self.zero(3),
      ], [.int("channels_last", 1)])
    #expect(y.shape == [1, 2, 2, 1])
    #expect(Array(y.elements(as: UInt8.self)) == [5, 9, 11, 15])
  }
}
