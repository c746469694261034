import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Numbers as uint8 with the scale and zero point of `DynamicQuantizeLinear`.
struct DynamicCode {
  let scale: Float
  let zero: Float

  /// The code for the range of these numbers and 0.
  init(_ x: UnsafePointer<Float>, _ count: Int) {
    var (low, high) = (Float(0), Float(0))
    ck_int8_range(x, count, &low, &high)
    scale = low == high ? 1 : (high - low) / 255
    let point = (-low / scale).rounded(.toNearestOrEven)
    zero = point >= 0 ? Swift.min(point, 255) : 0
  }

  func quantize(_ x: UnsafePointer<Float>, _ count: Int, to y: UnsafeMutablePointer<UInt8>) {
    ck_int8_quantize(x, count, scale, zero, y)
  }
}

/// The codes of quantised rows, in scratch memory.
struct RowCodes {
  /// The scale of each row.
  let scales: UnsafeMutablePointer<Float>
  /// The negative zero point of each row.
  let zeros: UnsafeMutablePointer<Int32>
  /// The sum of each row minus its zero point, negative.
  let sums: UnsafeMutablePointer<Int32>

  init(_ memory: UnsafeMutableRawPointer, _ rows: Int) {
    scales = memory.assumingMemoryBound(to: Float.self)
    zeros = (memory + 4 * rows).assumingMemoryBound(to: Int32.self)
    sums = (memory + 8 * rows).assumingMemoryBound(to: Int32.self)
  }

  static func byteCount(_ rows: Int) -> Int { .work(rows, 12) }

  func set(_ row: Int, _ code: DynamicCode) {
    scales[row] = code.scale
    zeros[row] = 0 &- Int32(code.zero)
  }
}

/// Matrices `[D, depth, 4H]` of 8-bit weights with a scale and zero point for each direction, or for
/// each column, packed for integer kernels.
struct QuantizedGates: Sendable {
  let layout: ByteLayout
  /// Packed weights; `nil` if they are packed in each run.
  let constant: TensorStorage?
  private let weights: Int
  private let scale: Int
  private let zero: Int
  private let isSigned: Bool
  private let hasScales: Bool
  private let hasZeros: Bool
  /// Whether zero points other than 0 are possible.
  private let mayHaveZeros: Bool
  /// Places in the scratch memory.
  private let packed: Int
  private let zeros: Int

  /// - Parameter rows: the number of rows that are multiplied together
  init(
    _ call: Preparation, weights: Int, scale: Int, zero: Int, rows: Int, _ plan: inout ScratchPlan
  ) throws(OperatorError) {
    (self.weights, self.scale, self.zero) = (weights, scale, zero)
    let sizes = try call.inputSizes(weights)
    let product = try ProductSizes([rows, sizes[1]], [sizes[1], sizes[2]])
    let layout = ByteLayout(product, a: 1, b: sizes[0])
    self.layout = layout
    let isSigned = try call.elementType(weights) == .int8
    self.isSigned = isSigned
    hasScales = try call.inputSizes(scale).count == 2
    hasZeros = try call.inputSizes(zero).count == 2
    let points = call.inputs.constant(zero).map { $0.bits(as: UInt8.self) }
    mayHaveZeros = points.map { $0.contains { $0 != (isSigned ? 0 : 0x80) } } ?? true
    constant = try call.packed(
      input: weights, layout: "gates \(sizes)", byteCount: layout.columnBytes,
      tiles: sizes[0] * layout.panels
    ) { source, target, tile in
      layout.packColumns(tile, source, target, flip: isSigned ? 0 : 0x80)
    }
    packed = constant == nil ? plan.place(layout.columnBytes) : 0
    zeros = mayHaveZeros ? plan.place(.work(sizes[0], layout.columns, 4)) : 0
  }

  /// The number of tiles to pack in each run, of a matrix that is not constant.
  var tiles: Int { layout.b * layout.panels }

  func pack(_ tile: Int, _ buffers: Buffers) {
    layout.packColumns(
      tile, buffers.input(weights, as: UInt8.self), buffers.scratch + packed,
      flip: isSigned ? 0 : 0x80)
  }

  /// Packs a block of quantised rows.
  func packRows(
    _ x: UnsafePointer<UInt8>, _ block: Int, _ target: UnsafeMutablePointer<UInt8>,
    _ codes: RowCodes
  ) {
    let first = block * layout.block
    let count = min(layout.block, layout.rows - first)
    packRows(
      x + first * layout.depth, count: count, target + first * layout.steps * layout.rowBytes,
      codes, first: first)
  }

  /// Packs `count` quantised rows as one block. Their codes begin at `first`.
  func packRows(
    _ x: UnsafePointer<UInt8>, count: Int, _ target: UnsafeMutablePointer<UInt8>,
    _ codes: RowCodes, first: Int = 0
  ) {
    let depth = layout.depth
    ck_int8_pack_rows(
      x, depth, depth, count, 0, 0, target, mayHaveZeros ? codes.sums + first : nil)
    guard mayHaveZeros else { return }
    for row in first..<first + count {
      codes.sums[row] =
        0 &- codes.zeros[row] &* Int32(truncatingIfNeeded: depth) &- codes.sums[row]
    }
  }

  /// Computes the zero points of all columns for `multiply`.
  func prepareZeros(_ buffers: Buffers) {
    guard mayHaveZeros else { return }
    let points = buffers.input(zero, as: UInt8.self)
    let target = zeroPoints(buffers)
    for direction in 0..<layout.b {
      for column in 0..<layout.columns {
        let code = points[hasZeros ? direction * layout.columns + column : direction]
        target[direction * layout.columns + column] =
          isSigned ? Int32(Int8(bitPattern: code)) : Int32(code) - 128
      }
    }
  }

  private func zeroPoints(_ buffers: Buffers) -> UnsafeMutablePointer<Int32> {
    (buffers.scratch + zeros).assumingMemoryBound(to: Int32.self)
  }

  /// `y = x · weights + residual + bias` for some packed rows.
  /// - Parameters:
  ///   - rows: packed rows, of which row 0 is the first
  ///   - range: whole blocks of them
  ///   - y: the result of row 0, and likewise `residual`, which may be `y`
  func multiply(
    _ rows: UnsafePointer<UInt8>, _ range: Range<Int>, _ direction: Int, _ codes: RowCodes,
    _ buffers: Buffers, bias: UnsafePointer<Float>?, residual: UnsafePointer<Float>?,
    to y: UnsafeMutablePointer<Float>
  ) {
    let (first, columns) = (range.lowerBound, layout.columns)
    let matrix = constant?.pointer ?? buffers.scratch + packed
    let sums = (matrix + layout.panelBytes).assumingMemoryBound(to: Int32.self)
    var product = ck_int8_product(
      rows: range.count, columns: columns, steps: layout.steps, block: layout.block,
      stride: columns, offsets: nil, b_is_signed: 1)
    var epilogue = ck_int8_epilogue()
    epilogue.result = CK_INT8_FLOATS
    (epilogue.low, epilogue.high) = (-.infinity, .infinity)
    epilogue.row_factor = UnsafePointer(codes.zeros + first)
    epilogue.column_factor = UnsafePointer(sums + direction * columns)
    if mayHaveZeros {
      epilogue.second_row_factor = UnsafePointer(codes.sums + first)
      epilogue.second_column_factor = UnsafePointer(zeroPoints(buffers) + direction * columns)
    }
    let scales = buffers.input(scale, as: Float.self) + direction * (hasScales ? columns : 1)
    epilogue.row_scale = UnsafePointer(codes.scales + first)
    epilogue.column_bias = bias
    epilogue.residual = residual.map { $0 + first * columns }
    epilogue.residual_stride = columns
    let a = rows + first * layout.steps * layout.rowBytes
    let b = (matrix + direction * layout.matrixBytes).assumingMemoryBound(to: UInt8.self)
    if hasScales {
      epilogue.column_scale = scales
      ck_int8_multiply(&product, a, b, y + first * columns, &epilogue)
    } else {
      // One row at a time has one scale; more have theirs times that of the matrix.
      withUnsafeTemporaryAllocation(of: Float.self, capacity: range.count) { own in
        for row in 0..<range.count { own[row] = codes.scales[first + row] * scales[0] }
        epilogue.row_scale = UnsafePointer(own.baseAddress)
        ck_int8_multiply(&product, a, b, y + first * columns, &epilogue)
      }
    }
  }
}
