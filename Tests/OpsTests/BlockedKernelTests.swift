import CKernels
import ONNX
import Testing

/// Compares the kernels for products along channels with plain loops.
@Suite struct BlockedKernelTests {
  private let lanes = ck_block_lanes()
  private let maps = ck_block_maps()

  @Test(arguments: [1, 3, 7, 16, 23, 40], [(0, 0), (2, 1)])
  func anImageIsBlockedWithItsPadding(width: Int, pads: (Int, Int)) {
    for channels in [1, lanes - 1, lanes] {
      for (rows, step) in [(1, width), (5, width), (3, 2 * width)] {
        let plane = 5 * 2 * width
        let x = noise(channels * plane)
        let row = width + 3
        // Even columns first, as for a stride of two.
        let columns = (0..<row).map { $0 % 2 == 0 ? $0 / 2 : (row + 1) / 2 + $0 / 2 }
        var y = [Float](repeating: .nan, count: (rows + pads.0 + pads.1) * row * lanes)
        var part = ck_block_part(
          plane: plane, step: step, before: 2, taken: width, after: 1, above: pads.0, rows: rows,
          below: pads.1, row: row, columns: nil)
        columns.withUnsafeBufferPointer { columns in
          part.columns = columns.baseAddress
          ck_block_image(&part, x, channels, &y)
        }
        for r in 0..<rows + pads.0 + pads.1 {
          for c in 0..<row {
            for lane in 0..<lanes {
              let (iy, ix) = (r - pads.0, c - 2)
              let isInside = (0..<rows).contains(iy) && (0..<width).contains(ix) && lane < channels
              let expected = isInside ? x[lane * plane + iy * step + ix] : 0
              #expect(y[(r * row + columns[c]) * lanes + lane] == expected)
            }
          }
        }
      }
    }
  }

  @Test func productsOfAnyNumberOfPlacesAreTheSums() {
    let (groups, taps, depth) = (2, 3, 2 * 3 * lanes)
    let offsets = [0, 2 * lanes, 5 * lanes]
    for places in 1...ck_block_places() {
      for (own, last) in [(1, lanes), (lanes, 4), (lanes + 1, lanes), (maps, 4)] {
        let width = ck_block_padded(own)
        let group = (places + 6) * lanes
        let x = noise(groups * group)
        let w = noise(depth * width, seed: 2)
        var y = [Float](repeating: .nan, count: places * maps)
        offsets.withUnsafeBufferPointer { offsets in
          var sum = ck_block_sum(
            groups: groups, group: group, last: last, taps: taps, offsets: offsets.baseAddress)
          ck_block_product(&sum, x, places, w, own, &y)
        }
        for place in 0..<places {
          for map in 0..<own {
            var sum = 0.0
            for k in 0..<depth {
              let (g, t, lane) = (k / lanes / taps, k / lanes % taps, k % lanes)
              guard g + 1 < groups || lane < last else { continue }
              let factor = x[g * group + offsets[t] + place * lanes + lane]
              sum += Double(factor) * Double(w[k * width + map])
            }
            #expect(abs(Double(y[place * maps + map]) - sum) < 1e-5)
          }
        }
      }
    }
  }

  @Test(arguments: [1, 5, 16, 39, 64], [false, true])
  func resultsAreUnblockedAndFinished(count: Int, hasResidual: Bool) {
    for own in [1, lanes, lanes + 1, maps] {
      let (width, row, outputs) = (5, 7, count + 3)
      let x = noise(((count + width - 1) / width + 1) * row * maps)
      let bias = noise(own, seed: 2)
      let residual = noise(own * outputs, seed: 3)
      // In place of the residual, which is read before.
      var y = residual
      bias.withUnsafeBufferPointer { bias in
        y.withUnsafeMutableBufferPointer { y in
          var epilogue = ck_epilogue()
          epilogue.bias = bias.baseAddress
          epilogue.residual = hasResidual ? UnsafePointer(y.baseAddress) : nil
          epilogue.function = CK_ACTIVATION_CLIP
          (epilogue.a, epilogue.b, epilogue.low, epilogue.high) = (-0.25, 0.5, -0.25, 0.5)
          ck_unblock(x, row, width, count, own, y.baseAddress, outputs, &epilogue)
        }
      }
      for map in 0..<own {
        for i in 0..<outputs {
          var expected = residual[map * outputs + i]
          if i < count {
            let sum = x[(i / width * row + i % width) * maps + map] + bias[map]
            expected = min(max(hasResidual ? sum + expected : sum, -0.25), 0.5)
          }
          #expect(y[map * outputs + i] == expected)
        }
      }
    }
  }
}
