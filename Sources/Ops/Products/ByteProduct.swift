import CKernels
import ONNXFormat
import ONNXOperators

/// The product of two 8-bit matrices, or of batches of them, by the integer kernels of `ck_int8.h`.
///
/// A is packed in each run as unsigned rows, B as panels of signed columns, once if it is constant. The
/// kernels multiply these bytes as they are; the zero points are folded in afterwards with the sums of
/// rows and columns. All sums are exact, modulo 2³².
struct ByteProduct: Sendable {
  let sizes: ProductSizes
  let result: ByteResult
  let a: Factor
  let b: Factor
  let memory: ByteMemory
  /// Packed B and the sums of its columns; `nil` if B is not constant.
  private let constant: TensorStorage?

  /// A factor of the product.
  struct Factor: Sendable {
    /// The input index.
    let input: Int
    let zero: QuantizationParameter
    let matrices: Int
    /// The bits that differ between the bytes of the input and those that are packed.
    let flip: UInt8
    /// The difference of the numbers that the two stand for.
    let shift: Int32
    let isSigned: Bool

    init(
      _ call: Preparation, _ input: Int, _ zero: QuantizationParameter, matrices: Int,
      packedAsSigned: Bool
    ) throws(OperatorError) {
      self.input = input
      self.zero = zero
      self.matrices = matrices
      isSigned = try call.elementType(input) == .int8
      (flip, shift) = isSigned == packedAsSigned ? (0, 0) : (0x80, isSigned ? 128 : -128)
    }

    /// The zero point of a line as the packed bytes have it.
    @inline(__always) func zero(_ buffers: Buffers, _ line: Int) -> Int32 {
      let code = zero.code(zero.pointer(buffers, as: UInt8.self), line)
      return (isSigned ? Int32(Int8(bitPattern: code)) : Int32(code)) + shift
    }
  }

  /// - Returns: `nil` if the parameters vary in a way that the kernels do not support
  init?(
    _ call: Preparation, _ operands: QuantizedOperands, _ result: ByteResult
  ) throws(OperatorError) {
    let sizes = operands.sizes.folded
    let matricesA = try call.inputSizes(operands.places.a).dropLast(2).elementCount ?? 0
    let matricesB = try call.inputSizes(operands.places.b).dropLast(2).elementCount ?? 0
    let isFolded = sizes.matrices == 1
    // Parameters of A per row belong to rows of one matrix, those of B to columns of all matrices.
    let rowParameters = [operands.zeroA] + result.rowScales
    let columnParameters = [operands.zeroB] + result.columnScales
    guard !sizes.isEmpty, sizes.depth > 0,
      rowParameters.allSatisfy({ $0.line == 0 || isFolded && (try? $0.count(call)) == sizes.rows }),
      columnParameters.allSatisfy({ $0.matrix == 0 }),
      operands.zeroA.line == 0 || operands.zeroB.line == 0,
      !result.rowScales.contains(where: { $0.line != 0 })
        || !result.columnScales.contains(where: { $0.line != 0 })
    else { return nil }
    self.sizes = sizes
    self.result = result
    a = try Factor(
      call, operands.places.a, operands.zeroA, matrices: isFolded ? 1 : matricesA,
      packedAsSigned: false)
    b = try Factor(
      call, operands.places.b, operands.zeroB, matrices: isFolded ? 1 : matricesB,
      packedAsSigned: true)
    let layout = ByteLayout(sizes, a: a.matrices, b: b.matrices)
    constant = try call.packed(
      input: b.input, layout: "byte panels \(b.matrices) \(sizes.depth) \(sizes.columns)",
      byteCount: layout.columnBytes, tiles: b.matrices * layout.panels
    ) { [b] source, target, tile in
      layout.packColumns(tile, source, target, flip: b.flip)
    }
    memory = ByteMemory(layout, packsColumns: constant == nil)
    call.note(
      "8-bit product \(sizes.rows) × \(sizes.depth) × \(sizes.columns), B packed "
        + (constant == nil ? "in each run" : "once"))
  }

  private var layout: ByteLayout { memory.layout }

  func kernel() -> Kernel {
    let this = self
    let layout = layout
    let tasks = ByteTasks(layout, sizes)
    let packColumns: Buffers.Tile = { buffers, tile, _ in
      layout.packColumns(
        tile, buffers.input(this.b.input, as: UInt8.self),
        buffers.scratch + this.memory.columns, flip: this.b.flip)
    }
    let packRows: Buffers.Tile = { buffers, task, _ in
      for block in tasks.blocks(task) { this.packRows(block, buffers) }
    }
    let multiply: Buffers.Tile = { buffers, task, _ in this.multiply(tasks[task], buffers) }
    let isConstant = constant != nil
    return .compute(scratch: memory.byteCount) { buffers in
      if !isConstant { buffers.parallel(this.b.matrices * layout.panels, packColumns) }
      this.prepareColumns(buffers)
      buffers.parallel(tasks.blockTasks, packRows)
      buffers.parallel(tasks.count, multiply)
    }
  }

  /// Packed B.
  private func columns(_ buffers: Buffers) -> UnsafeMutableRawPointer {
    constant?.pointer ?? buffers.scratch + memory.columns
  }
  private func columnSums(_ buffers: Buffers) -> UnsafeMutablePointer<Int32> {
    (columns(buffers) + layout.panelBytes).assumingMemoryBound(to: Int32.self)
  }

  /// Computes the terms and scales of the columns from the zero points and scales of this run.
  private func prepareColumns(_ buffers: Buffers) {
    let zeros = memory.columnZeros(buffers)
    let all = layout.columns
    var hasZeros = b.zero(buffers, 0) != 0
    if b.zero.line != 0 {
      for column in 0..<all {
        zeros[column] = b.zero(buffers, column)
        hasZeros = hasZeros || zeros[column] != 0
      }
    } else if hasZeros {
      zeros.update(repeating: b.zero(buffers, 0), count: all)
    }
    memory.flags(buffers)[0] = hasZeros
    if a.zero.line == 0 {
      let zero = a.zero(buffers, 0)
      let (sums, terms) = (columnSums(buffers), memory.columnTerms(buffers))
      for column in 0..<all * b.matrices { terms[column] = 0 &- zero &* sums[column] }
    }
    result.setColumnScales(buffers, memory.columnScales(buffers), all)
  }

  /// Packs a block of rows, numbered across all matrices of A, and computes its terms and scales.
  private func packRows(_ index: Int, _ buffers: Buffers) {
    let (matrix, block) = index.quotientAndRemainder(dividingBy: layout.blocks)
    let first = block * layout.block
    let count = min(layout.block, layout.rows - first)
    let row = matrix * layout.rows + first
    let hasZeros = memory.flags(buffers)[0]
    let factors = memory.rowFactors(buffers) + row
    ck_int8_pack_rows(
      buffers.input(a.input, as: UInt8.self) + row * layout.depth, layout.depth, layout.depth,
      count, a.flip, 0,
      (buffers.scratch + memory.rows).assumingMemoryBound(to: UInt8.self)
        + row * layout.steps * layout.rowBytes, hasZeros ? factors : nil)
    let perRow = a.zero.line != 0
    let terms = memory.rowTerms(buffers) + row
    for place in 0..<count {
      let zero = a.zero(buffers, row + place)
      let rest = hasZeros ? zero &* Int32(truncatingIfNeeded: layout.depth) &- factors[place] : 0
      factors[place] = perRow ? 0 &- zero : rest
      if perRow { terms[place] = rest &* memory.columnZeros(buffers)[0] }
    }
    result.setRowScales(buffers, memory.rowScales(buffers) + row, row..<row + count)
  }

  /// Computes a part of a matrix of the result.
  private func multiply(_ part: ByteTasks.Part, _ buffers: Buffers) {
    let factors = sizes.factors(part.matrix)
    let (row, column) = (factors.a * layout.rows + part.row, part.column)
    var product = ck_int8_product(
      rows: part.rows, columns: part.columns, steps: layout.steps, block: layout.block,
      stride: layout.columns, offsets: nil, b_is_signed: 1)
    let perRow = a.zero.line != 0
    var epilogue = ck_int8_epilogue()
    if perRow {
      epilogue.row = UnsafePointer(memory.rowTerms(buffers) + row)
      epilogue.row_factor = UnsafePointer(memory.rowFactors(buffers) + row)
      epilogue.column_factor = UnsafePointer(
        columnSums(buffers) + factors.b * layout.columns + column)
    } else {
      epilogue.column = UnsafePointer(
        memory.columnTerms(buffers) + factors.b * layout.columns + column)
      if memory.flags(buffers)[0] {
        epilogue.row_factor = UnsafePointer(memory.rowFactors(buffers) + row)
        epilogue.column_factor = UnsafePointer(memory.columnZeros(buffers) + column)
      }
    }
    if let scales = result.inputScales(buffers) {
      epilogue.column_scale = scales + column
    } else if result.scalesColumns {
      epilogue.column_scale = UnsafePointer(memory.columnScales(buffers) + column)
    } else if result.scalesRows {
      epilogue.row_scale = UnsafePointer(memory.rowScales(buffers) + row)
    }
    result.finish(&epilogue, buffers, column: column)
    let place = (part.matrix * layout.rows + part.row) * layout.columns + column
    let columns = columns(buffers) + factors.b * layout.matrixBytes + column * layout.steps * 4
    ck_int8_multiply(
      &product,
      (buffers.scratch + memory.rows).assumingMemoryBound(to: UInt8.self)
        + row * layout.steps * layout.rowBytes, columns.assumingMemoryBound(to: UInt8.self),
      UnsafeMutableRawPointer(buffers.output(0, as: UInt8.self)) + place * result.elementSize,
      &epilogue)
  }
}
