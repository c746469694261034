import CKernels

/// The input's part of the sums.
extension RecurrentRun {
  /// Computes the input's part of the sums where it has not been computed with an earlier step: for
  /// some steps ahead, or for all steps where their gates stay in the reserve, so that the recurrent
  /// weights need not share the cache.
  func project(_ step: Int, _ tile: RecurrentTiling.Tile) {
    let ahead = layer.memory.ahead
    if reserve == nil {
      if step % ahead == 0 { project(steps: step..<min(step + ahead, steps), tile) }
    } else if step == 0 {
      for first in stride(from: 0, to: steps, by: ahead) {
        project(steps: first..<min(first + ahead, steps), tile)
      }
    }
  }

  /// `Xt · Wᵀ` and, unless the cell adds them, the biases.
  private func project(steps: Range<Int>, _ tile: RecurrentTiling.Tile) {
    let parameters = parameters(tile.direction)
    let layout = layer.layout.input
    let table = table(tile)
    let (first, count) = (tile.units.lowerBound, tile.units.count)
    let packed = parameters.input + layout.offset(first)
    let ones = layer.memory.ones.flatMap { OneHotRows(integers($0)) }
    var rows = 0
    for step in steps {
      let time = time(step, tile.direction)
      let at = memory(step, tile.direction, firstUnit: first)
      for row in tile.rows where time < length(row) {
        let target = at.gate(0, Int32(truncatingIfNeeded: row))
        for gate in 0..<layout.gates {
          let sums = target + gate * padded
          if reserve == nil {
            sums.update(from: parameters.bias + gate * padded + first, count: count)
          } else {
            sums.clear(count)
          }
        }
        let place = sizes.inputRow(time, row)
        if let ones {
          guard let column = ones[place] else { continue }
          layout.pick(column, packed, units: count, stride: padded, target)
        } else {
          table[rows] = ck_row(x: x + place * sizes.input, y: target)
          rows += 1
        }
      }
    }
    if ones == nil {
      layout.multiply(
        packed, units: count, stride: padded, UnsafeBufferPointer(start: table, count: rows),
        backwards: false)
    }
    if reserve != nil { clearPadding(steps, tile) }
  }

  /// Sets the sums of units that pad the hidden size to 0 for the backward pass. Infinity in X times
  /// their weights, which are 0, is not.
  private func clearPadding(_ steps: Range<Int>, _ tile: RecurrentTiling.Tile) {
    let real = max(tile.units.lowerBound, min(tile.units.upperBound, sizes.hidden))
    let padding = tile.units.upperBound - real
    guard padding > 0 else { return }
    for step in steps {
      let at = memory(step, tile.direction, firstUnit: real)
      for row in tile.rows {
        for gate in 0..<layer.layout.gates {
          at.gate(gate, Int32(truncatingIfNeeded: row)).clear(padding)
        }
      }
    }
  }
}
