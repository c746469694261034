import CKernels
import ONNX
import OperatorLaws
import Testing

/// Products of factors rounded to bfloat16. On a CPU without such instructions the kernels are absent,
/// and the precision is float32.
@Suite struct Bfloat16PrecisionTests {
  private static let isSupported = ComputePrecision.bfloat16.isSupported

  /// The nearest bfloat16, to even.
  private static func rounded(_ x: Float) -> Float {
    let bits = x.bitPattern
    return Float(bitPattern: (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000)
  }

  private static func numbers(_ count: Int, _ seed: Int) -> [Float] {
    (0..<count).map { Float(($0 &* 7919 &+ seed &* 131) % 2003 - 1001) / 977 }
  }

  struct Sizes: Sendable, CustomTestStringConvertible {
    let rows: Int
    let depth: Int
    let columns: Int
    var testDescription: String { "\(rows) × \(depth) × \(columns)" }
  }

  static let sizes = [
    Sizes(rows: 1, depth: 1, columns: 1), Sizes(rows: 3, depth: 5, columns: 7),
    Sizes(rows: 8, depth: 32, columns: 16), Sizes(rows: 9, depth: 33, columns: 17),
    Sizes(rows: 17, depth: 700, columns: 40), Sizes(rows: 130, depth: 63, columns: 95),
  ]

  @Test(.enabled(if: isSupported), arguments: sizes)
  func productsAreThoseOfRoundedFactors(_ sizes: Sizes) {
    let (rows, depth, columns) = (sizes.rows, sizes.depth, sizes.columns)
    let words = (depth + 1) / 2
    let (a, b) = (Self.numbers(rows * depth, 1), Self.numbers(depth * columns, 2))
    let (bias, residual) = (Self.numbers(rows, 3), Self.numbers(rows * columns, 4))
    let (block, width) = (ck_panel_rows(), ck_panel_columns())
    let blocks = (rows + block - 1) / block
    var packedA = [UInt32](repeating: ~0, count: blocks * block * words)
    for first in stride(from: 0, to: rows, by: block) {
      var own = [UInt32](repeating: ~0, count: block * words)
      ck_bfloat16_rows(
        Array(a[(first * depth)...]), depth, depth, min(block, rows - first), &own)
      packedA.replaceSubrange(first * words..<first * words + own.count, with: own)
    }
    var panels: [Float] = []
    for first in stride(from: 0, to: columns, by: width) {
      let padded = ck_panel_padded(min(width, columns - first))
      for k in 0..<depth {
        panels += (first..<first + padded).map { $0 < columns ? b[k * columns + $0] : 0 }
      }
    }
    ck_bfloat16_panels(&panels, depth, columns)
    var y = [Float](repeating: 77, count: rows * (columns + 3))
    var product = ck_product(
      depth: words, rows: rows, columns: columns, stride: columns + 3, residual_stride: columns)
    bias.withUnsafeBufferPointer { bias in
      residual.withUnsafeBufferPointer { residual in
        var epilogue = ck_epilogue()
        (epilogue.bias, epilogue.residual) = (bias.baseAddress, residual.baseAddress)
        (epilogue.low, epilogue.high) = (-2, .infinity)
        panels.withUnsafeBytes {
          ck_bfloat16_product(
            &product, packedA, Array($0.bindMemory(to: UInt32.self)), &y, &epilogue)
        }
      }
    }
    for m in 0..<rows {
      for n in 0..<columns {
        var sum = Double(bias[m]) + Double(residual[m * columns + n])
        for k in 0..<depth {
          sum += Double(Self.rounded(a[m * depth + k])) * Double(Self.rounded(b[k * columns + n]))
        }
        #expect(abs(Double(y[m * (columns + 3) + n]) - max(sum, -2)) < 1e-4)
      }
      #expect(y[m * (columns + 3) + columns] == 77)
    }
  }

  @Test(.enabled(if: isSupported), arguments: [1, 8, 33], [1, 31, 600])
  func recurrentProductsAreThoseOfRoundedFactors(rows: Int, depth: Int) {
    let (units, gates) = (48, 3)
    let words = (depth + 1) / 2
    let (x, w) = (Self.numbers(rows * depth, 1), Self.numbers(gates * units * depth, 2))
    var packed: [UInt32] = []
    for first in stride(from: 0, to: units, by: 32) {
      let width = min(32, units - first)
      for gate in 0..<gates {
        var panel: [Float] = []
        for k in 0..<depth {
          panel += (first..<first + width).map { w[(gate * units + $0) * depth + k] }
        }
        ck_bfloat16_panels(&panel, depth, width)
        packed += panel.prefix(words * width).map(\.bitPattern)
      }
    }
    for backwards in [Int32(0), 1] {
      var y = [Float](repeating: 1, count: rows * gates * units)
      x.withUnsafeBytes { x in
        y.withUnsafeMutableBytes { y in
          guard let x = x.baseAddress, let y = y.baseAddress else { return }
          let table = (0..<rows).map {
            ck_row(x: x + $0 * depth * 4, y: y + $0 * gates * units * 4)
          }
          ck_bfloat16_recurrent(packed, depth, units, gates, units, table, rows, backwards)
        }
      }
      for row in 0..<rows {
        for unit in 0..<gates * units {
          var sum = 1.0
          for k in 0..<depth {
            sum +=
              Double(Self.rounded(x[row * depth + k])) * Double(Self.rounded(w[unit * depth + k]))
          }
          #expect(abs(Double(y[row * gates * units + unit]) - sum) < 1e-6 * Double(depth))
        }
      }
    }
  }

  static let cases =
    [
      BatchCase("MatMul", "MatMul", [65], [[65, 33]]),
      BatchCase("Gemm", "Gemm", [100], [[40, 100], [40]], [.int("transB", 1)]),
      BatchCase(
        "Conv", "Conv", [5, 9, 9], [[17, 5, 5, 5], [17]], [.ints("pads", [2, 2, 2, 2])]),
      BatchCase("pointwise Conv", "Conv", [33, 6, 6], [[18, 33, 1, 1]]),
    ]
    + ["RNN", "GRU", "LSTM"].flatMap { name in
      // Larger weights would amplify small differences from step to step.
      BatchCase.recurrent(name, hidden: 48).prefix(2).map { $0.with { $0.scale = 0.2 } }
    }

  /// The results are near those of float32, but not the same where the CPU rounds factors; they depend
  /// neither on the batch nor on the number of threads.
  @Test(arguments: cases) func sessionsRoundFactors(_ test: BatchCase) throws {
    let rounding = test.with { $0.precision = .bfloat16 }
    try checkBatchLaw(rounding)
    let inputs = test.inputs()
    let given = try test.given(inputs, 0..<BatchCase.count)
    let expected = try test.session(inputs).run(given)
    let result = try rounding.session(inputs).run(given)
    #expect(try rounding.session(inputs, threads: 2).run(given) == result)
    #expect((result == expected) == !Self.isSupported)
    for (name, tensor) in expected {
      let (a, b) = (
        try tensor.array(as: Float.self), try #require(result[name]).array(as: Float.self)
      )
      let largest = a.map { abs($0) }.max() ?? 0
      let difference = zip(a, b).map { abs($0 - $1) }.max() ?? 0
      #expect(difference <= 0.02 * largest)
    }
  }
}
