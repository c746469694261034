import ONNX
import ONNXOperators
import Testing

/// Compares products of quantised matrices with plain loops, for all types and forms of zero points
/// and scales.
@Suite struct ByteProductTests {
  /// The inputs of a product, and their numbers minus the zero points.
  private struct Operands {
    let a: Tensor
    let b: Tensor
    let zeroA: Tensor?
    let zeroB: Tensor?
    let batch: Int
    let rows: Int
    let columns: Int
    let depth: Int
    /// A batch of matrices B.
    let isBatched: Bool

    init(_ random: inout Random) throws {
      rows = [1, 2, 7, 13, 40].randomElement(using: &random) ?? 1
      columns = [1, 5, 16, 33, 70, 140].randomElement(using: &random) ?? 1
      depth = [1, 3, 4, 31, 257].randomElement(using: &random) ?? 1
      batch = [1, 1, 3].randomElement(using: &random) ?? 1
      isBatched = batch > 1 && Bool.random(using: &random)
      let isBroadcast = isBatched && Bool.random(using: &random)
      let (signedA, signedB) = (Bool.random(using: &random), Bool.random(using: &random))
      func bytes(_ shape: [Int], _ isSigned: Bool) -> Tensor {
        let values = (0..<shape.reduce(1, *)).map { _ in UInt8.random(in: 0...255, using: &random) }
        return isSigned
          ? Tensor(shape: shape, values.map { Int8(bitPattern: $0) }) : Tensor(shape: shape, values)
      }
      a = bytes((batch > 1 && !isBroadcast ? [batch] : []) + [rows, depth], signedA)
      b = bytes((isBatched ? [batch] : []) + [depth, columns], signedB)
      zeroA = ([nil, [], [1], [rows]] as [[Int]?]).randomElement(using: &random)?
        .map { bytes($0, signedA) }
      zeroB = ([nil, [], [1], [columns]] as [[Int]?]).randomElement(using: &random)?
        .map { bytes($0, signedB) }
    }

    private func number(_ tensor: Tensor, _ index: Int) -> Int32 {
      let byte = tensor.bits(as: UInt8.self)[index]
      return tensor.elementType == .int8 ? Int32(Int8(bitPattern: byte)) : Int32(byte)
    }

    /// Σ (a − za) (b − zb) of all elements.
    func sums() -> [Int32] {
      let matricesA = a.count / (rows * depth), matricesB = b.count / (depth * columns)
      func zero(_ tensor: Tensor?, _ line: Int) -> Int32 {
        tensor.map { number($0, $0.count == 1 ? 0 : line) } ?? 0
      }
      var sums: [Int32] = []
      for matrix in 0..<batch {
        let (left, right) = (
          matrix % matricesA * rows * depth, matrix % matricesB * depth * columns
        )
        let x = (0..<rows * depth).map { number(a, left + $0) - zero(zeroA, $0 / depth) }
        let w = (0..<depth * columns).map { number(b, right + $0) - zero(zeroB, $0 % columns) }
        for m in 0..<rows {
          for n in 0..<columns {
            sums.append((0..<depth).reduce(0) { $0 &+ x[m * depth + $1] &* w[$1 * columns + n] })
          }
        }
      }
      return sums
    }
  }

  @Test(arguments: 0..<80) func matMulInteger(seed: UInt64) throws {
    var random = Random(seed)
    let operands = try Operands(&random)
    let node = Node("MatMulInteger", inputs: ["a", "b", "za", "zb"], outputs: ["y"])
    let inputs = [operands.a, operands.b, operands.zeroA, operands.zeroB]
    let expected = operands.sums()
    for constants in [[], [1], [1, 3]] as [Set<Int>] {
      for threads in 1...2 {
        let y = try evaluatePrepared(node, inputs, constants: constants, threads: threads)
        #expect(Array(y.elements(as: Int32.self)) == expected)
      }
    }
  }

  @Test(arguments: 0..<40) func qLinearMatMul(seed: UInt64) throws {
    var random = Random(seed)
    let operands = try Operands(&random)
    guard let zeroA = operands.zeroA, let zeroB = operands.zeroB else { return }
    func scales(_ zero: Tensor) -> Tensor {
      Tensor(
        shape: zero.shape,
        (0..<zero.count).map { _ in Float.random(in: 0.01...0.2, using: &random) })
    }
    let (scaleA, scaleB, scaleY) = (scales(zeroA), scales(zeroB), Float(0.7))
    let isSigned = Bool.random(using: &random)
    let zeroY = isSigned ? Tensor(-7 as Int8) : Tensor(130 as UInt8)
    let node = Node(
      "QLinearMatMul", inputs: ["a", "sa", "za", "b", "sb", "zb", "sy", "zy"], outputs: ["y"])
    let y = try evaluatePrepared(
      node, [operands.a, scaleA, zeroA, operands.b, scaleB, zeroB, Tensor(scaleY), zeroY],
      constants: [3, 5])
    let (sa, sb) = (scaleA.elements(as: Float.self), scaleB.elements(as: Float.self))
    let expected = operands.sums().enumerated().map { index, sum in
      let row = index / operands.columns % operands.rows, column = index % operands.columns
      let scale = sa[sa.count == 1 ? 0 : row] * sb[sb.count == 1 ? 0 : column] / scaleY
      let value = (Float(sum) * scale).rounded(.toNearestOrEven) + (isSigned ? -7 : 130)
      return UInt8(
        truncatingIfNeeded: Int(min(max(value, isSigned ? -128 : 0), isSigned ? 127 : 255)))
    }
    #expect(Array(y.bits(as: UInt8.self)) == expected)
  }

  @Test(arguments: 0..<40) func scaledMatMulInteger(seed: UInt64) throws {
    var random = Random(seed)
    let operands = try Operands(&random)
    let columns = operands.columns
    let shape = ([[], [1], [columns]] as [[Int]]).randomElement(using: &random) ?? []
    let scale = Tensor(
      shape: shape,
      (0..<shape.reduce(1, *)).map { _ in Float.random(in: -1...1, using: &random) })
    let bias = Tensor(
      shape: [columns], (0..<columns).map { _ in Float.random(in: -1...1, using: &random) })
    let hasBias = Bool.random(using: &random)
    let node = Node(
      "ScaledMatMulInteger", domain: "swift.onnx", inputs: ["a", "b", "za", "zb", "s", "c"],
      outputs: ["y"], attributes: [.string("activation", "Relu")])
    let y = try evaluatePrepared(
      node,
      [operands.a, operands.b, operands.zeroA, operands.zeroB, scale, hasBias ? bias : nil],
      constants: [1, 3], opset: 1)
    let (s, c) = (scale.elements(as: Float.self), bias.elements(as: Float.self))
    let expected = operands.sums().enumerated().map { index, sum in
      let column = index % columns
      let y = Float(sum) * s[s.count == 1 ? 0 : column]
      return max(0, hasBias ? y + c[column] : y)
    }
    #expect(Array(y.elements(as: Float.self)) == expected)
  }
}
