import ONNX
import ONNXOperators
import Testing

/// Operators on weights of 2 to 8 bits in packed blocks. The results are those of onnxruntime;
/// tools/compare/contrib_operators.py compares many more.
@Suite struct PackedWeightTests {
  /// The integers 0 to 15, twice.
  private static let weights = Tensor(
    shape: [1, 2, 8],
    [
      0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE, 0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC,
      0xFE,
    ] as [UInt8])
  private static let table = Tensor(shape: [4, 8], Array(0...31) as [UInt8])
  private static let sizes: [Attribute] = [
    .int("K", 32), .int("N", 1), .int("bits", 4), .int("block_size", 16),
  ]
  private static let rows = Tensor(
    shape: [2, 32],
    [Float](repeating: 1, count: 32) + (0..<32).map { Float($0) })

  private func product(
    _ zeros: Tensor?, _ groups: Tensor? = nil, _ attributes: [Attribute] = sizes
  ) throws -> [Float] {
    let y = try contrib(
      "MatMulNBits",
      [
        Self.rows, Self.weights, Tensor(shape: [1, 2], [1, 2] as [Float]), zeros, groups,
        vector(0.5 as Float),
      ], attributes)
    #expect(y.shape == [2, 1])
    return Array(y.elements(as: Float.self))
  }

  @Test func packedZeroPoints() throws {
    let zeros = Tensor(shape: [1, 1], [0x87] as [UInt8])
    #expect(try product(zeros) == [-7.5, 704.5])
  }

  @Test func zeroPointsOfFloats() throws {
    let zeros = Tensor(shape: [1, 2], [7, 8] as [Float])
    #expect(try product(zeros) == [-7.5, 704.5])
  }

  @Test func groupsChooseTheScales() throws {
    // The blocks change places: the sums are 2 Σ (k − 7) + Σ (k − 8), and those times the columns.
    let groups = Tensor(shape: [32], (0..<32).map { Int32($0 < 16 ? 1 : 0) })
    let zeros = Tensor(shape: [1, 2], [8, 7] as [Float])
    #expect(try product(zeros, groups) == [8.5, 952.5])
  }

  @Test func groupsOutOfRangeAreErrors() {
    let groups = Tensor(shape: [32], [Int32](repeating: 2, count: 32))
    #expect(throws: OperatorError.self) { try product(nil, groups) }
  }

  @Test(arguments: [
    Attribute.int("bits", 3), .int("block_size", 8), .int("block_size", 24), .int("K", 0),
    .int("N", -1), .int("K", 48), .int("accuracy_level", 5), .int("weight_prepacked", 1),
  ])
  func attributesThatDoNotFitAreErrors(_ attribute: Attribute) {
    let attributes = Self.sizes.filter { $0.name != attribute.name } + [attribute]
    #expect(throws: OperatorError.self) { try product(nil, nil, attributes) }
  }

  @Test(arguments: [2, 4, 8])
  func eightyRowsHaveTheBitsOfOne(bits: Int) throws {
    let (depth, columns) = (80, 37)
    let blocks = 3
    let blob = 32 * bits / 8
    func numbers(_ count: Int) -> [Float] { (0..<count).map { Float($0 * 7919 % 101) / 50 - 1 } }
    let weights = Tensor(
      shape: [columns, blocks, blob],
      (0..<columns * blocks * blob).map { UInt8($0 * 31 % 256) })
    let scales = Tensor(shape: [columns * blocks], numbers(columns * blocks))
    let attributes: [Attribute] = [
      .int("K", depth), .int("N", columns), .int("bits", bits), .int("block_size", 32),
    ]
    let x = numbers(80 * depth)
    let all = try contrib(
      "MatMulNBits", [Tensor(shape: [80, depth], x), weights, scales], attributes)
    let last = try contrib(
      "MatMulNBits",
      [Tensor(shape: [1, depth], Array(x.suffix(depth))), weights, scales], attributes)
    let bits = (
      all: Array(all.elements(as: Float.self)), last: Array(last.elements(as: Float.self))
    )
    #expect(Array(bits.all.suffix(columns)) == bits.last)
  }

  @Test func gatheredRowsAreDequantised() throws {
    let y = try contrib(
      "GatherBlockQuantized",
      [
        Self.table, vector(1, -1, 9 as Int64),
        Tensor(shape: [4, 1], [1, 2, 3, 4] as [Float]),
      ], [.int("block_size", 16)])
    #expect(y.shape == [3, 16])
    var expected = [Float](repeating: 0, count: 48)
    for i in 0..<8 {
      (expected[2 * i], expected[2 * i + 1]) = (Float(2 * i), -16)
      (expected[16 + 2 * i], expected[17 + 2 * i]) = (Float(4 * i), -28)
    }
    #expect(Array(y.elements(as: Float.self)) == expected)
  }

  @Test func bytesAreGatheredAlongTheFirstAxisOnly() {
    #expect(throws: OperatorError.self) {
      try contrib(
        "GatherBlockQuantized",
        [
          Self.table, vector(1 as Int64),
          Tensor(shape: [4, 1], [1, 2, 3, 4] as [Float]),
        ], [.int("gather_axis", 1)])
    }
  }

  @Test func normalFloatsOf4Bits() throws {
    var unit = [Float](repeating: 0, count: 16)
    unit[2] = 1
    let codes: [UInt8] = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70]
    let y = try contrib(
      "MatMulBnb4",
      [Tensor(shape: [1, 16], unit), Tensor(shape: [8], codes), vector(2 as Float)],
      [.int("K", 16), .int("N", 1), .int("block_size", 16), .int("quant_type", 1)])
    #expect(isClose(y, [-1.3923856]))
  }
}
