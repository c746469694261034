import CKernels

/// The number of rows of A that are multiplied by a panel of B together.
private let rowsTogether = 64

extension GEMM {
  /// Computes a tile of C by kernels that add up every element in the same order, however many rows
  /// and columns there are.
  package func multiplyInOrder(
    _ rows: Range<Int>, _ columns: Range<Int>, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>,
    _ c: UnsafeMutablePointer<T>
  ) {
    let lanes = 64 / MemoryLayout<T>.stride
    let panel = ck_product_panel(ck_simd_level()) / MemoryLayout<T>.stride
    let ownRows = transposeA ? rowsTogether * depth : 0
    withUnsafeTemporaryAllocation(
      byteCount: ((depth + rowsTogether) * panel + ownRows) * MemoryLayout<T>.stride, alignment: 64
    ) { memory in
      withUnsafeTemporaryAllocation(of: ck_row.self, capacity: rowsTogether) { table in
        guard let base = memory.baseAddress?.assumingMemoryBound(to: T.self),
          let rowTable = table.baseAddress
        else { return }
        let sums = base + depth * panel
        let packedRows = sums + rowsTogether * panel
        for column in stride(from: columns.lowerBound, to: columns.upperBound, by: panel) {
          let count = min(panel, columns.upperBound - column)
          let width = count > lanes ? panel : lanes
          pack(b, column: column, count, width, base)
          for row in stride(from: rows.lowerBound, to: rows.upperBound, by: rowsTogether) {
            let group = row..<min(row + rowsTogether, rows.upperBound)
            sums.update(repeating: 0, count: group.count * width)
            for row in group {
              let index = row - group.lowerBound
              var x = a + row * strideA
              if transposeA {
                let target = packedRows + index * depth
                for k in 0..<depth { target[k] = a[k * strideA + row] }
                x = UnsafePointer(target)
              }
              (rowTable + index).initialize(to: ck_row(x: x, y: sums + index * width))
            }
            T.multiply(
              rows: UnsafeBufferPointer(start: rowTable, count: group.count), panel: base,
              depth: depth, width: width)
            for row in group {
              finish(
                sums + (row - group.lowerBound) * width, c + row * strideC + column, count)
            }
          }
        }
      }
    }
  }

  /// Packs `count` columns of `op(B)` from `column` on, padded to `width`.
  private func pack(
    _ b: UnsafePointer<T>, column: Int, _ count: Int, _ width: Int,
    _ panel: UnsafeMutablePointer<T>
  ) {
    if count < width { panel.update(repeating: 0, count: depth * width) }
    if transposeB {
      ck_transpose(
        b + column * strideB, strideB, panel, width, depth, count, MemoryLayout<T>.stride)
    } else {
      for k in 0..<depth {
        (panel + k * width).update(from: b + k * strideB + column, count: count)
      }
    }
  }

  /// `c = α · sums + β · c`; `c` is not read if β is 0.
  private func finish(
    _ sums: UnsafePointer<T>, _ c: UnsafeMutablePointer<T>, _ count: Int
  ) {
    if alpha == 1 && beta == 0 {
      c.update(from: sums, count: count)
    } else if beta == 0 {
      for i in 0..<count { c[i] = alpha * sums[i] }
    } else {
      for i in 0..<count { c[i] = alpha * sums[i] + beta * c[i] }
    }
  }
}
