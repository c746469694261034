import CKernels
import ONNXFormat
import ONNXOperators

/// `Y = activation(X · W + b + residual)` for float32 matrices, with W packed to panels of columns: once if W
/// is constant, otherwise in each run.
package struct PanelProduct: Sendable {
  package let rows: Int
  package let columns: Int
  package let depth: Int
  /// Whether W is `[columns, depth]`.
  package let isTransposed: Bool
  /// The input index of the bias, one number per column.
  package let bias: Int?
  /// The input index of a matrix of the shape of Y.
  package let residual: Int?
  package let activation: Activation
  /// A factor of the product, applied to W when it is packed.
  package let scale: Float

  package init(
    rows: Int, columns: Int, depth: Int, isTransposed: Bool, bias: Int?,
    residual: Int? = nil, activation: Activation, scale: Float = 1
  ) {
    self.rows = rows
    self.columns = columns
    self.depth = depth
    self.isTransposed = isTransposed
    self.bias = bias
    self.residual = residual
    self.activation = activation
    self.scale = scale
  }

  let width = ck_panel_columns()
  var panels: Int { (columns + width - 1) / width }
  private var count: Int { .work(ck_panel_padded(columns), depth) }

  /// - Returns: `nil` if there are too few rows to pack W for
  package func kernel(_ call: Preparation) throws(OperatorError) -> Kernel? {
    guard depth > 0, rows > 0, columns > 0 else { return nil }
    if PanelFormat(call, weights: 1) == .bfloat16 { return try bfloat16Kernel(call) }
    if isTransposed, Int.work(columns, depth) >= Self.largeCount,
      rows == 1 || call.isBatchInvariant
    {
      guard scale == 1 else { return nil }
      call.note("rows against W in place: \(depth) × \(columns)")
      return rowKernel()
    }
    let this = self
    let constant = try packed(call)
    if constant == nil && (rows < 16 || call.isBatchInvariant) { return nil }
    call.note(
      "packed product \(rows) × \(depth) × \(columns), W packed "
        + (constant == nil ? "in each run" : "once"))
    let own = constant == nil ? count.vectors : 0
    let pack: Buffers.Tile = { buffers, panel, _ in
      this.pack(panel, buffers.input(1), Self.memory(buffers))
    }
    if let step = separateRows {
      return separateKernel(call, constant, own: own, step: step, pack)
    }
    let block = ck_panel_rows()
    let blocks = (rows + block - 1) / block
    let isRow = rows == 1
    let scratch = Int.work(
      .total(own, isRow ? 0 : .work(blocks, block, depth)), MemoryLayout<Float>.stride)
    let packRows: Buffers.Tile = { buffers, index, _ in
      let first = index * block
      ck_pack_rows(
        buffers.input(0) + first * this.depth, this.depth, this.depth,
        min(block, this.rows - first), Self.memory(buffers) + own + first * this.depth)
    }
    // The panels and blocks of rows of a task.
    let perTask = Tiles(panels, cost: .work(depth, width, min(rows, 64)) / 16).size
    let panelStep = (min(perTask, max(1, (panels + 7) / 8)) + 3) / 4 * 4
    let panelCuts = (panels + panelStep - 1) / panelStep
    let rowStep = panelCuts >= 8 ? blocks : max(1, min(blocks, 65_536 / depth / block))
    let rowCuts = (blocks + rowStep - 1) / rowStep
    let multiply: Buffers.Tile = { buffers, task, _ in
      let (rowCut, panelCut) = task.quotientAndRemainder(dividingBy: panelCuts)
      let panels = panelCut * panelStep..<min((panelCut + 1) * panelStep, this.panels)
      let w = constant.map { UnsafePointer($0.floats) } ?? UnsafePointer(Self.memory(buffers))
      if isRow { return this.multiplyRow(buffers, w, panels) }
      let row = rowCut * rowStep * block
      this.multiply(
        buffers, row..<min(row + rowStep * block, this.rows),
        packed: Self.memory(buffers) + own + row * this.depth, w, panels)
    }
    return .compute(scratch: scratch) { buffers in
      if constant == nil { buffers.parallel(this.panels, pack) }
      if !isRow { buffers.parallel(blocks, packRows) }
      buffers.parallel(rowCuts * panelCuts, multiply)
    }
  }

  private static func memory(_ buffers: Buffers) -> UnsafeMutablePointer<Float> {
    buffers.scratch.assumingMemoryBound(to: Float.self)
  }

  /// The rows of a task that packs its own rows, few enough for the second-level cache; `nil` if there
  /// are too few rows for all threads to have a share.
  private var separateRows: Int? {
    let block = ck_panel_rows()
    let step = max(1, min(128, 131_072 / depth) / block) * block
    return rows >= 8 * step ? step : nil
  }

  /// The kernel for many rows: each task packs some and multiplies them by all of W.
  private func separateKernel(
    _ call: Preparation, _ constant: TensorStorage?, own: Int, step: Int,
    _ pack: @escaping Buffers.Tile
  ) -> Kernel {
    let this = self
    let block = ck_panel_rows()
    let room = Int.work(step, depth).vectors
    let tasks = (rows + step - 1) / step
    let multiply: Buffers.Tile = { buffers, task, thread in
      let w = constant.map { UnsafePointer($0.floats) } ?? UnsafePointer(Self.memory(buffers))
      let packed = Self.memory(buffers) + own + thread * room
      let rows = task * step..<min((task + 1) * step, this.rows)
      for row in stride(from: rows.lowerBound, to: rows.upperBound, by: block) {
        ck_pack_rows(
          buffers.input(0) + row * this.depth, this.depth, this.depth,
          min(block, rows.upperBound - row), packed + (row - rows.lowerBound) * this.depth)
      }
      for panel in stride(from: 0, to: this.panels, by: 8) {
        this.multiply(buffers, rows, packed: packed, w, panel..<min(panel + 8, this.panels))
      }
    }
    let floats = Int.total(own, .work(room, call.threads))
    return .compute(scratch: .work(floats, MemoryLayout<Float>.stride)) { buffers in
      if constant == nil { buffers.parallel(this.panels, pack) }
      buffers.parallel(tasks, multiply)
    }
  }

  /// Multiplies packed rows by some panels.
  private func multiply(
    _ buffers: Buffers, _ rows: Range<Int>, packed: UnsafePointer<Float>,
    _ w: UnsafePointer<Float>, _ panels: Range<Int>
  ) {
    let column = panels.lowerBound * width
    let offset = rows.lowerBound * columns + column
    var product = ck_product(
      depth: depth, rows: rows.count, columns: min(panels.count * width, columns - column),
      stride: columns, residual_stride: columns)
    var epilogue = epilogue(buffers, offset: offset, column: column)
    ck_panel_product(
      &product, packed, w + column * depth, buffers.output(0, as: Float.self) + offset, &epilogue)
  }

  /// Multiplies the only row by some panels.
  private func multiplyRow(
    _ buffers: Buffers, _ w: UnsafePointer<Float>, _ panels: Range<Int>
  ) {
    let column = panels.lowerBound * width
    var epilogue = epilogue(buffers, offset: column, column: column)
    ck_panel_row(
      buffers.input(0), depth, min(panels.count * width, columns - column), w + column * depth,
      buffers.output(0, as: Float.self) + column, &epilogue)
  }

  func epilogue(_ buffers: Buffers, offset: Int, column: Int) -> ck_epilogue {
    Epilogue(residual: residual, activation: activation).c(
      buffers, offset: offset, channel: 0,
      starts: bias.map { buffers.input($0, as: Float.self) + column })
  }

  /// The number of elements up to which W is read in place: one row reads W from memory either way,
  /// and packing would read it once more. Products of more rows then add in the same order.
  private static let largeCount = 1 << 23

  /// For W `[columns, depth]`, unpacked.
  private func rowKernel() -> Kernel {
    let (rows, columns, depth, bias, residual) = (rows, columns, depth, bias, residual)
    let (function, a, b) = activation.c
    let tiles = Tiles(columns, cost: max(1, .work(depth, min(rows, 4)) / 8))
    let tile: Buffers.Tile = { buffers, task, _ in
      let range = tiles[task]
      let y = buffers.output(0, as: Float.self) + range.lowerBound
      ck_dot_rows(
        buffers.input(0), rows, depth, range.count, buffers.input(1) + range.lowerBound * depth,
        bias.map { buffers.input($0, as: Float.self) + range.lowerBound }, y, columns)
      ck_finish_tile(
        y, rows, range.count, columns, nil,
        residual.map { buffers.input($0, as: Float.self) + range.lowerBound }, function, a, b)
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }

  private func packed(_ call: Preparation) throws(OperatorError) -> TensorStorage? {
    try call.packed(
      input: 1,
      layout: "panels \(columns) \(depth) \(isTransposed)" + (scale == 1 ? "" : " \(scale)"),
      byteCount: .work(count, MemoryLayout<Float>.stride), tiles: panels
    ) { source, target, panel in
      pack(
        panel, source.assumingMemoryBound(to: Float.self),
        target.assumingMemoryBound(to: Float.self))
    }
  }

  /// Packs one panel.
  func pack(
    _ panel: Int, _ w: UnsafePointer<Float>, _ packed: UnsafeMutablePointer<Float>
  ) {
    let first = panel * width
    let own = min(width, columns - first)
    let padded = ck_panel_padded(own)
    var target = packed + first * depth
    defer {
      if scale != 1 {
        let panel = packed + first * depth
        for i in 0..<padded * depth { panel[i] *= scale }
      }
    }
    if own < padded { target.update(repeating: 0, count: padded * depth) }
    if isTransposed {
      ck_transpose(w + first * depth, depth, target, padded, depth, own, MemoryLayout<Float>.stride)
      return
    }
    for k in 0..<depth {
      target.update(from: w + k * columns + first, count: own)
      target += padded
    }
  }
}
