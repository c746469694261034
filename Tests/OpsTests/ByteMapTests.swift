import CKernels
import Testing

/// Compares loops over bytes that note real numbers, and over packed 4-bit integers, with plain loops.
@Suite struct ByteMapTests {
  private let sizes = [0, 1, 7, 16, 31, 63, 64, 65, 127, 128, 200, 1000]

  private func codes(_ scale: Float, _ zero: UInt8) -> [ck_byte_code] {
    [0, 128].map { ck_byte_code(scale: scale, zero: Float(zero ^ $0), flip: $0) }
  }

  private func noted(_ x: UInt8, _ code: ck_byte_code) -> Float {
    (Float(x ^ code.flip) - code.zero) * code.scale
  }

  private func note(_ x: Float, _ code: ck_byte_code) -> UInt8 {
    let y = (x / code.scale).rounded(.toNearestOrEven) + code.zero
    return UInt8(y >= 0 ? min(y, 255) : 0) ^ code.flip
  }

  @Test func tablesLookUpEachByte() {
    let table = (0..<256).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
    for size in sizes {
      let x = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 73) }
      var y = [UInt8](repeating: 99, count: size + 1)
      ck_byte_table(x, table, &y, size)
      #expect(y == x.map { table[Int($0)] } + [99])
    }
  }

  @Test func numbersRoundToTheNearestByte() {
    for code in codes(0.25, 3) + codes(0.1, 200) {
      for size in sizes {
        var x = (0..<size).map { Float($0 - 500) / 16 }
        if size > 30 {
          x.replaceSubrange(3..<8, with: [.nan, .infinity, -.infinity, 1e30, -1e30])
        }
        var y = [UInt8](repeating: 99, count: size + 1)
        ck_float_to_bytes(x, code, &y, size)
        #expect(y == x.map { note($0, code) } + [99])
        var z = [Float](repeating: 99, count: size + 1)
        ck_bytes_to_float(y, code, &z, size)
        #expect(z == y.dropLast().map { noted($0, code) } + [99])
      }
    }
  }

  @Test func pairsHaveTheBitsOfSeparateSteps() {
    let functions: [(ck_pair_function, (Float, Float) -> Float)] = [
      (CK_PAIR_ADD, { $0 + $1 }), (CK_PAIR_SUB, { $0 - $1 }), (CK_PAIR_MUL, { $0 * $1 }),
      (CK_PAIR_DIV, { $0 / $1 }),
    ]
    for size in sizes where size > 0 {
      let a = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 73) }
      let b = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 41 &+ 5) }
      for (function, f) in functions {
        for (aStep, bStep) in [(1, 1), (0, 1), (1, 0), (0, 0)] {
          let (left, right, result) = (codes(0.1, 3), codes(0.37, 130), codes(0.53, 17))
          for place in 0..<2 {
            var y = [UInt8](repeating: 99, count: size + 1)
            a.withUnsafeBufferPointer { a in
              b.withUnsafeBufferPointer { b in
                var pair = ck_noted_pair(
                  a: a.baseAddress!, b: b.baseAddress!, a_step: aStep, b_step: bStep,
                  a_code: left[place], b_code: right[1 - place], y_code: result[place],
                  function: function)
                ck_byte_pairs(&pair, &y, size)
              }
            }
            let expected = (0..<size).map {
              note(
                f(noted(a[$0 * aStep], left[place]), noted(b[$0 * bStep], right[1 - place])),
                result[place])
            }
            #expect(y == expected + [99])
          }
        }
      }
    }
  }

  @Test func sumsAreExact() {
    for size in sizes {
      let x = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 73) }
      for flip: UInt8 in [0, 128] {
        #expect(ck_byte_sum(x, flip, size) == x.reduce(0) { $0 + UInt64($1 ^ flip) })
      }
    }
  }

  @Test(arguments: [(1, 32, 32), (5, 96, 32), (9, 1089, 64), (7, 2200, 128), (3, 2048, 1024)])
  func packedNibblesMultiplyAsTheirNumbers(rows: Int, depth: Int, block: Int) {
    let blocks = (depth + block - 1) / block
    let padded = blocks * block
    let codes = (0..<rows * padded / 2).map { UInt8(truncatingIfNeeded: $0 &* 73 &+ $0 / 7) }
    let packedZeros = (0..<rows * ((blocks + 1) / 2)).map { UInt8(truncatingIfNeeded: $0 &* 41) }
    let zeros = (0..<rows * blocks).map { Float($0 % 13) + 0.5 }
    let scales = (0..<rows * blocks).map { Float($0 % 11 + 1) / 64 }
    let x = (0..<depth).map { Float(($0 &* 29) % 31) / 16 - 1 }
    let start = (0..<rows).map { Float($0) }
    for kind in 0..<3 {
      withUnsafePointers(codes, scales, zeros, packedZeros) { codes, scales, zeros, packed in
        var p = ck_nibbles(
          codes: codes, scales: scales, zeros: kind == 1 ? zeros : nil,
          packed_zeros: kind == 2 ? packed : nil, blocks: blocks, block: block)
        var parted = [Float](repeating: 7, count: padded)
        ck_part_nibbles(x, depth, padded, &parted)
        var w = [Float](repeating: 0, count: rows * padded)
        for row in 0..<rows {
          var one = [Float](repeating: 0, count: padded)
          ck_unpack_nibbles(&p, row, &one)
          w.replaceSubrange(row * padded..<(row + 1) * padded, with: one)
        }
        var y = [Float](repeating: 0, count: rows)
        ck_dot_nibbles(&p, parted, 0, rows, start, &y)
        var same = y
        ck_dot_rows(parted, 1, padded, rows, w, start, &same, rows)
        #expect(y == same, "the bits of unpacked rows")
        for row in 0..<rows {
          var sum = Double(start[row])
          for k in 0..<depth {
            let code = Float(codes[row * padded / 2 + k / 2] >> (k % 2 * 4) & 15)
            let place = k / block
            let zero =
              kind == 0
              ? 8
              : kind == 1
                ? zeros[row * blocks + place]
                : Float(packed[row * ((blocks + 1) / 2) + place / 2] >> (place % 2 * 4) & 15)
            sum += Double(x[k]) * Double((code - zero) * scales[row * blocks + place])
          }
          #expect(abs(Double(y[row]) - sum) <= 1e-4 * max(1, abs(sum)))
        }
      }
    }
  }

  @Test func largestBytesOfWindows() {
    for (input, kernel, stride, dilation, pad) in [
      (9, 3, 2, 1, 1), (17, 2, 2, 1, 0), (40, 3, 1, 1, 1), (5, 5, 3, 1, 4), (33, 3, 1, 2, 2),
      (1, 1, 1, 1, 0),
    ] {
      let output = (input + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1
      var window = ck_window(
        input: (1, input, input), output: (1, output, output), kernel: (1, kernel, kernel),
        stride: (1, stride, stride), dilation: (1, dilation, dilation), pad: (0, pad, pad))
      let x = (0..<2 * input * input).map { UInt8(truncatingIfNeeded: $0 &* 73 &+ $0 / 7) }
      for flip: UInt8 in [0, 128] {
        var row = [UInt8](repeating: 0, count: ck_byte_pool_room(&window))
        var y = [UInt8](repeating: 0, count: 2 * output * output)
        ck_byte_max_pool(&window, x, 2, flip, &y, &row)
        var expected: [UInt8] = []
        for image in 0..<2 {
          for oy in 0..<output {
            for ox in 0..<output {
              var best: UInt8 = 0
              for ky in 0..<kernel {
                for kx in 0..<kernel {
                  let (iy, ix) = (
                    oy * stride - pad + ky * dilation, ox * stride - pad + kx * dilation
                  )
                  guard 0..<input ~= iy, 0..<input ~= ix else { continue }
                  best = max(best, x[(image * input + iy) * input + ix] ^ flip)
                }
              }
              expected.append(best ^ flip)
            }
          }
        }
        #expect(y == expected)
      }
    }
  }

  private func withUnsafePointers(
    _ a: [UInt8], _ b: [Float], _ c: [Float], _ d: [UInt8],
    _ body: (
      UnsafePointer<UInt8>, UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<UInt8>
    ) -> Void
  ) {
    body(a, b, c, d)
  }
}
