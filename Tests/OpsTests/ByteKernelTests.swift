import CKernels
import ONNX
import ONNXOperators
import Testing

/// Compares products of packed bytes with plain loops.
@Suite struct ByteKernelTests {
  /// Two packed matrices and their numbers.
  private struct Factors {
    let rows: Int
    let columns: Int
    let depth: Int
    var a: [UInt8]
    var b: [UInt8]
    let isBSigned: Bool
    let isTransposed: Bool
    let flip: UInt8

    init(_ random: inout Random) {
      rows = Int.random(in: 1...30, using: &random)
      columns = Int.random(in: 1...150, using: &random)
      depth = Int.random(in: 1...40, using: &random)
      func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in
          Bool.random(using: &random)
            ? UInt8.random(in: 0...255, using: &random)
            : [0, 127, 128, 255].randomElement(using: &random) ?? 0
        }
      }
      a = bytes(rows * depth)
      b = bytes(columns * depth)
      isBSigned = Bool.random(using: &random)
      isTransposed = Bool.random(using: &random)
      flip = Bool.random(using: &random) ? 0x80 : 0
    }

    var steps: Int { ck_int8_steps(depth) }

    func left(_ m: Int, _ k: Int) -> Int32 { number(a[m * depth + k] ^ flip, !isBSigned) }
    func right(_ k: Int, _ n: Int) -> Int32 { number(byte(k, n), isBSigned) }
    func byte(_ k: Int, _ n: Int) -> UInt8 {
      b[isTransposed ? n * depth + k : k * columns + n] ^ flip
    }
    private func number(_ byte: UInt8, _ isSigned: Bool) -> Int32 {
      isSigned ? Int32(Int8(bitPattern: byte)) : Int32(byte)
    }

    func packedRows() -> (bytes: [UInt8], sums: [Int32]) {
      let (block, width) = (ck_int8_block(rows), steps * ck_int8_row_bytes())
      var packed = [UInt8](repeating: 0xA5, count: rows * width)
      var sums = [Int32](repeating: -1, count: rows)
      for m in stride(from: 0, to: rows, by: block) {
        withUnsafeMutablePointers(&packed, &sums) { packed, sums in
          a.withUnsafeBufferPointer { source in
            guard let source = source.baseAddress else { return }
            ck_int8_pack_rows(
              source + m * depth, depth, depth, min(block, rows - m), flip,
              isBSigned ? 0 : 1, packed + m * width,
              sums + m)
          }
        }
      }
      return (packed, sums)
    }

    func packedColumns() -> (bytes: [UInt8], sums: [Int32]) {
      let width = ck_int8_columns()
      var packed = [UInt8](repeating: 0xA5, count: ck_int8_padded(columns) * steps * 4)
      var sums = [Int32](repeating: -1, count: columns)
      for n in stride(from: 0, to: columns, by: width) {
        withUnsafeMutablePointers(&packed, &sums) { packed, sums in
          b.withUnsafeBufferPointer { source in
            guard let source = source.baseAddress else { return }
            ck_int8_pack_columns(
              source + (isTransposed ? n * depth : n), isTransposed ? depth : columns,
              isTransposed ? 1 : 0, depth, min(width, columns - n), flip, isBSigned ? 1 : 0,
              packed + n * steps * 4, sums + n)
          }
        }
      }
      return (packed, sums)
    }

    /// B as an image of pixels of four channels, and the places of the steps in it.
    func image() -> (bytes: [UInt8], offsets: [Int]) {
      let row = (columns + 64) * 4
      var bytes = [UInt8](repeating: 0, count: (steps + 1) * row)
      let offsets = (0..<steps).map { (steps - 1 - $0) * row }
      for k in 0..<depth {
        for n in 0..<columns { bytes[offsets[k / 4] + 4 * n + k % 4] = byte(k, n) }
      }
      return (bytes, offsets)
    }
  }

  /// The vectors of an epilogue; an empty one is left out.
  private struct Terms {
    var rows: [[Int32]] = []
    var columns: [[Int32]] = []
    var rowScale: [Float] = []
    var columnScale: [Float] = []
    var rowBias: [Float] = []
    var columnBias: [Float] = []
    var residual: [Float] = []

    init(_ factors: Factors, _ random: inout Random) {
      func integers(_ count: Int) -> [Int32] {
        (0..<count).map { _ in Int32.random(in: -100_000...100_000, using: &random) }
      }
      func floats(_ count: Int, _ most: Float) -> [Float] {
        guard Bool.random(using: &random) else { return [] }
        return (0..<count).map { _ in Float.random(in: -most...most, using: &random) }
      }
      for isProduct in [false, true, true] {
        let isUsed = Bool.random(using: &random)
        let isRow = isProduct || Bool.random(using: &random)
        rows.append(isUsed && isRow ? integers(factors.rows) : [])
        columns.append(isUsed && (isProduct || !isRow) ? integers(factors.columns) : [])
      }
      rowScale = floats(factors.rows, 0.01)
      columnScale = floats(factors.columns, 0.01)
      columnBias = floats(factors.columns, 10)
      rowBias = columnBias.isEmpty ? floats(factors.rows, 10) : []
      residual = floats(factors.rows * factors.columns, 10)
    }

    func epilogue(_ body: (inout ck_int8_epilogue) -> Void) {
      var epilogue = ck_int8_epilogue()
      var tensors: [Tensor] = []
      func address<T: Element>(_ list: [T]) -> UnsafePointer<T>? {
        guard !list.isEmpty else { return nil }
        let tensor = Tensor(shape: [list.count], list)
        tensors.append(tensor)
        return UnsafePointer(tensor.storage.pointer.assumingMemoryBound(to: T.self))
      }
      epilogue.row = address(rows[0])
      epilogue.column = address(columns[0])
      epilogue.row_factor = address(rows[1])
      epilogue.column_factor = address(columns[1])
      epilogue.second_row_factor = address(rows[2])
      epilogue.second_column_factor = address(columns[2])
      epilogue.row_scale = address(rowScale)
      epilogue.column_scale = address(columnScale)
      epilogue.row_bias = address(rowBias)
      epilogue.column_bias = address(columnBias)
      epilogue.residual = address(residual)
      withExtendedLifetime(tensors) { body(&epilogue) }
    }

    func sum(_ factors: Factors, _ m: Int, _ n: Int) -> Int32 {
      var sum: Int32 = 0
      for k in 0..<factors.depth { sum &+= factors.left(m, k) &* factors.right(k, n) }
      if !rows[0].isEmpty { sum &+= rows[0][m] }
      if !columns[0].isEmpty { sum &+= columns[0][n] }
      for pair in 1...2 where !rows[pair].isEmpty { sum &+= rows[pair][m] &* columns[pair][n] }
      return sum
    }

    func scaled(_ sum: Int32, _ m: Int, _ n: Int) -> Float {
      let scale = (columnScale.isEmpty ? 1 : columnScale[n]) * (rowScale.isEmpty ? 1 : rowScale[m])
      return Float(sum) * scale
    }
  }

  @Test(arguments: 0..<400) func multipliesAsPlainLoops(seed: UInt64) {
    var random = Random(seed)
    let factors = Factors(&random)
    let (rows, columns, depth) = (factors.rows, factors.columns, factors.depth)
    let terms = Terms(factors, &random)
    let (a, rowSums) = factors.packedRows()
    let (b, columnSums) = factors.packedColumns()
    #expect(
      rowSums == (0..<rows).map { m in (0..<depth).reduce(0) { $0 + factors.left(m, $1) } })
    #expect(
      columnSums == (0..<columns).map { n in (0..<depth).reduce(0) { $0 + factors.right($1, n) } })
    let image = factors.image()
    let isImage = Bool.random(using: &random)

    let results = [
      CK_INT8_SUMS, CK_INT8_FLOATS, CK_INT8_UNSIGNED, CK_INT8_SIGNED, CK_INT8_QUADS,
    ]
    for result in results {
      let isQuads = result == CK_INT8_QUADS
      let isFloat = result == CK_INT8_FLOATS
      let size = isFloat || result == CK_INT8_SUMS || isQuads ? 4 : 1
      let stride = columns + 3
      let lines = isQuads ? (rows + 3) / 4 : rows
      var y = [UInt8](repeating: 0xA5, count: lines * stride * size)
      let zero = Int32.random(in: result == CK_INT8_SIGNED ? -128...127 : 0...255, using: &random)
      let bounds: (low: Float, high: Float) =
        isFloat ? (-500, .infinity) : result == CK_INT8_SIGNED ? (-128, 127) : (0, 250)
      image.offsets.withUnsafeBufferPointer { offsets in
        var product = ck_int8_product(
          rows: rows, columns: columns, steps: factors.steps, block: ck_int8_block(rows),
          stride: isQuads ? stride * 4 : stride, offsets: isImage ? offsets.baseAddress : nil,
          b_is_signed: factors.isBSigned ? 1 : 0)
        terms.epilogue { epilogue in
          epilogue.residual_stride = columns
          (epilogue.low, epilogue.high) = bounds
          epilogue.zero = zero
          epilogue.result = result
          ck_int8_multiply(&product, a, isImage ? image.bytes : b, &y, &epilogue)
        }
      }
      var expected = [UInt8](repeating: 0xA5, count: y.count)
      func put(_ bits: UInt32, _ place: Int) {
        for byte in 0..<size {
          expected[place + byte] = UInt8(truncatingIfNeeded: bits >> (8 * byte))
        }
      }
      if isQuads {
        for line in 0..<lines {
          for n in 0..<4 * columns where line * 4 + n % 4 >= rows {
            expected[line * stride * 4 + n] = y[line * stride * 4 + n]
          }
        }
      }
      for m in 0..<rows {
        for n in 0..<columns {
          let sum = terms.sum(factors, m, n)
          var value = terms.scaled(sum, m, n)
          switch result {
          case CK_INT8_SUMS: put(UInt32(bitPattern: sum), (m * stride + n) * 4)
          case CK_INT8_FLOATS:
            if !terms.residual.isEmpty { value += terms.residual[m * columns + n] }
            if !terms.columnBias.isEmpty { value += terms.columnBias[n] }
            if !terms.rowBias.isEmpty { value += terms.rowBias[m] }
            put(max(value, -500).bitPattern, (m * stride + n) * 4)
          default:
            let whole = value.rounded(.toNearestOrEven) + Float(zero)
            let byte = UInt8(truncatingIfNeeded: Int(min(max(whole, bounds.low), bounds.high)))
            expected[isQuads ? (m / 4 * stride + n) * 4 + m % 4 : m * stride + n] = byte
          }
        }
      }
      #expect(y == expected, "\(rows) × \(depth) × \(columns), result \(result.rawValue)")
    }
  }

  @Test func quantizesHalvesToEvenWithinTheRange() {
    for count in [0, 1, 7, 63, 64, 65, 300] {
      let x = (0..<count).map { Float(($0 * 37) % 600 - 300) / 2 }
      var (low, high) = (Float(0), Float(0))
      ck_int8_range(x, count, &low, &high)
      #expect(low == min(x.min() ?? 0, 0) && high == max(x.max() ?? 0, 0))
      var y = [UInt8](repeating: 1, count: count)
      ck_int8_quantize(x, count, 1, 100, &y)
      #expect(
        y == x.map { UInt8(min(max($0.rounded(.toNearestOrEven) + 100, 0), 255)) })
    }
    var y: [UInt8] = [1, 1, 1]
    ck_int8_quantize([.nan, .infinity, -.infinity], 3, 1, 100, &y)
    #expect(y == [0, 255, 0])
  }
}

/// Calls `body` with the addresses of two arrays that are not empty.
private func withUnsafeMutablePointers<A, B>(
  _ a: inout [A], _ b: inout [B],
  _ body: (UnsafeMutablePointer<A>, UnsafeMutablePointer<B>) -> Void
) {
  a.withUnsafeMutableBufferPointer { a in
    b.withUnsafeMutableBufferPointer { b in
      guard let a = a.baseAddress, let b = b.baseAddress else { return }
      body(a, b)
    }
  }
}
