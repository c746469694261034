import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Batch normalization with the mean and variance of each channel over the batch.
extension BatchLayout {
  /// The number of adjacent channels that a task processes together.
  static var block: Int { 64 }

  /// The tasks, one per channel or block of channels.
  func tasks(isRowwise: Bool) -> Int {
    isRowwise ? (channels + Self.block - 1) / Self.block : channels
  }

  /// - Parameter savesInverse: whether output 4 is `1 / √(variance + ε)` rather than the variance
  func trainingKernel<C: RowElement>(
    _ call: Preparation, _ data: RealRows<C>, _ parameters: BatchParameters<C>, epsilon: Double,
    momentum: Double, savesInverse: Bool
  ) throws(OperatorError) -> Kernel {
    let layout = self
    var wanted: [(index: Int, rows: RealRows<C>)] = []
    for index in 1...4 where call.wants(index) {
      wanted.append((index, try RealRows(try call.outputType(index))))
    }
    let outputs = wanted
    /// Writes a channel's outputs, and returns the factor for its elements.
    @Sendable func finish(
      _ buffers: Buffers, _ channel: Int, mean: Double, variance: Double
    ) -> (factor: C, shift: C) {
      let (scale, bias, oldMean, oldVariance) = parameters.values(channel) {
        buffers.bytes(input: $0)
      }
      let inverse = 1 / (variance + epsilon).squareRoot()
      for output in outputs {
        let value =
          switch output.index {
          case 1: Double(oldMean) * momentum + mean * (1 - momentum)
          case 2: Double(oldVariance) * momentum + variance * (1 - momentum)
          case 3: mean
          default: savesInverse ? inverse : variance
          }
        var room = C(value)
        let bytes = buffers.bytes(output: output.index)
        let place = output.rows.target(bytes, at: channel, room: &room)
        place.pointee = C(value)
        output.rows.store(place, bytes, at: channel, 1)
      }
      return (C(Double(scale) * inverse), bias)
    }

    if plane == 1 && data.room(1) == 0 {
      let tile: Buffers.Tile = { buffers, task, _ in
        layout.normalizeRows(buffers, task, C.self, finish)
      }
      return .compute { $0.parallel(layout.tasks(isRowwise: true), tile) }
    }
    let room = data.room(plane)
    let tile: Buffers.Tile = { buffers, channel, thread in
      let scratch = buffers.scratch.assumingMemoryBound(to: C.self) + thread * room
      // Mean and sum of squared differences, merged plane by plane (Chan, Golub, LeVeque 1979).
      var mean = 0.0
      var squares = 0.0
      let size = Double(layout.plane)
      for n in 0..<layout.batch {
        let x = layout.read(n * layout.channels + channel, data, buffers, scratch)
        let own = C.sum(x, layout.plane) / C(layout.plane)
        let difference = Double(own) - mean
        squares += Double(C.squares(x, layout.plane, mean: own))
        squares += difference * difference * size * Double(n) / Double(n + 1)
        mean += difference / Double(n + 1)
      }
      let variance = squares / (size * Double(layout.batch))
      let (factor, shift) = finish(buffers, channel, mean: mean, variance: variance)
      for n in 0..<layout.batch {
        layout.affine(
          n * layout.channels + channel, data, buffers, scratch, mean: C(mean), factor: factor,
          shift: shift)
      }
    }
    return .compute(scratch: .work(call.threads, room, MemoryLayout<C>.stride)) { buffers in
      buffers.parallel(layout.channels, tile)
    }
  }

  /// A block of adjacent channels of images with one element per channel.
  private func normalizeRows<C: RowElement>(
    _ buffers: Buffers, _ task: Int, _ type: C.Type,
    _ finish: (Buffers, Int, _ mean: Double, _ variance: Double) -> (factor: C, shift: C)
  ) {
    let first = task * Self.block
    let width = min(Self.block, channels - first)
    let x = buffers.input(0, as: C.self) + first
    let y = buffers.output(0, as: C.self) + first
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * width) { sums in
      withUnsafeTemporaryAllocation(of: C.self, capacity: 3 * width) { values in
        sums.initialize(repeating: 0)
        for n in 0..<batch {
          let x = x + n * channels
          for c in 0..<width { sums[c] += Double(x[c]) }
        }
        for c in 0..<width { sums[c] /= Double(batch) }
        for n in 0..<batch {
          let x = x + n * channels
          for c in 0..<width {
            let difference = Double(x[c]) - sums[c]
            sums[width + c] += difference * difference
          }
        }
        for c in 0..<width {
          let variance = sums[width + c] / Double(batch)
          let (factor, shift) = finish(buffers, first + c, sums[c], variance)
          values[c] = C(sums[c])
          values[width + c] = factor
          values[2 * width + c] = shift
        }
        for n in 0..<batch {
          let (x, y) = (x + n * channels, y + n * channels)
          for c in 0..<width {
            y[c] = (x[c] - values[c]) * values[width + c] + values[2 * width + c]
          }
        }
      }
    }
  }
}
