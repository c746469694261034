import CKernels
import ONNXFormat
import ONNXOperators

extension PanelProduct {
  /// The product of factors rounded to bfloat16, with constant W packed once and rows in each run.
  func bfloat16Kernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    let this = self
    let format = PanelFormat.bfloat16
    let words = format.words(depth)
    let constant = try packedWords(call)
    call.note("packed product of bfloat16 \(rows) × \(depth) × \(columns)")
    let block = ck_panel_rows()
    let blocks = (rows + block - 1) / block
    let packRows: Buffers.Tile = { buffers, index, _ in
      let first = index * block
      format.packRows(
        buffers.input(0) + first * this.depth, stride: this.depth, depth: this.depth,
        rows: min(block, this.rows - first), buffers.floats + first * words)
    }
    // The blocks of rows and panels of a task.
    let panelStep = max(1, (panels + 7) / 8)
    let panelCuts = (panels + panelStep - 1) / panelStep
    let rowStep = panelCuts >= 8 ? blocks : max(1, min(blocks, 65_536 / words / block))
    let rowCuts = (blocks + rowStep - 1) / rowStep
    let multiply: Buffers.Tile = { buffers, task, _ in
      let (rowCut, panelCut) = task.quotientAndRemainder(dividingBy: panelCuts)
      let column = panelCut * panelStep * this.width
      let columns = min(panelStep * this.width, this.columns - column)
      let row = rowCut * rowStep * block
      let product = ck_product(
        depth: words, rows: min(rowStep * block, this.rows - row), columns: columns,
        stride: this.columns, residual_stride: this.columns)
      format.multiply(
        product, buffers.floats + row * words, constant.floats + column * words,
        buffers.output(0) + row * this.columns + column,
        this.epilogue(buffers, offset: row * this.columns + column, column: column))
    }
    let scratch = Int.work(blocks, block, words, MemoryLayout<Float>.stride)
    return .compute(scratch: scratch) { buffers in
      buffers.parallel(blocks, packRows)
      buffers.parallel(rowCuts * panelCuts, multiply)
    }
  }

  private func packedWords(_ call: Preparation) throws(OperatorError) -> TensorStorage {
    let words = PanelFormat.bfloat16.words(depth)
    let packed = try call.packed(
      input: 1, layout: "bfloat16 panels \(columns) \(depth) \(isTransposed) \(scale)",
      byteCount: .work(ck_panel_padded(columns), words, MemoryLayout<Float>.stride), tiles: panels
    ) { source, target, panel in
      // One panel as float32 first.
      let first = panel * width
      let padded = ck_panel_padded(min(width, columns - first))
      withUnsafeTemporaryAllocation(of: Float.self, capacity: padded * depth) { memory in
        guard let floats = memory.baseAddress else { return }
        pack(panel, source.assumingMemoryBound(to: Float.self), floats - first * depth)
        PanelFormat.bfloat16.convert(panels: floats, depth: depth, columns: padded)
        (target.assumingMemoryBound(to: Float.self) + first * words)
          .update(from: floats, count: padded * words)
      }
    }
    guard let packed else { throw .input(1, "is not constant") }
    return packed
  }
}

extension Buffers {
  fileprivate var floats: UnsafeMutablePointer<Float> {
    scratch.assumingMemoryBound(to: Float.self)
  }
}
