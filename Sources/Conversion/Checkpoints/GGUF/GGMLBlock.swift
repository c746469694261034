/// The elements of quantised blocks, as ggml's reference code computes them in float32. The PyPI
/// package `gguf` has the same formulas; `tools/compare/foreign_weights.py` compares all types with it.
enum GGMLBlock {
  typealias Output = UnsafeMutablePointer<Float>

  private static func half(_ block: UnsafeRawPointer, _ offset: Int) -> Float {
    Float(block.loadUnaligned(fromByteOffset: offset, as: Float16.self))
  }

  private static func byte(_ block: UnsafeRawPointer, _ offset: Int) -> UInt8 {
    block.load(fromByteOffset: offset, as: UInt8.self)
  }

  // MARK: Blocks of 32

  /// Calls `body` with the place and the four bits of each of 32 elements: low halves first.
  @inline(__always)
  private static func nibbles(
    _ block: UnsafeRawPointer, _ offset: Int, half: Int = 16, _ body: (Int, UInt8) -> Void
  ) {
    for index in 0..<half {
      let value = byte(block, offset + index)
      body(index, value & 0xF)
      body(index + half, value >> 4)
    }
  }

  @Sendable static func q4_0(_ block: UnsafeRawPointer, _ out: Output) {
    let scale = half(block, 0)
    nibbles(block, 2) { out[$0] = scale * Float(Int($1) - 8) }
  }

  @Sendable static func q4_1(_ block: UnsafeRawPointer, _ out: Output) {
    let (scale, least) = (half(block, 0), half(block, 2))
    nibbles(block, 4) { out[$0] = scale * Float($1) + least }
  }

  @Sendable static func q5_0(_ block: UnsafeRawPointer, _ out: Output) {
    let scale = half(block, 0)
    let high = block.loadUnaligned(fromByteOffset: 2, as: UInt32.self)
    nibbles(block, 6) { index, low in
      out[index] = scale * Float(Int(low) + Int(high >> UInt32(index) & 1) * 16 - 16)
    }
  }

  @Sendable static func q5_1(_ block: UnsafeRawPointer, _ out: Output) {
    let (scale, least) = (half(block, 0), half(block, 2))
    let high = block.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
    nibbles(block, 8) { index, low in
      out[index] = scale * Float(Int(low) + Int(high >> UInt32(index) & 1) * 16) + least
    }
  }

  @Sendable static func q8_0(_ block: UnsafeRawPointer, _ out: Output) {
    let scale = half(block, 0)
    for index in 0..<32 {
      out[index] = Float(block.load(fromByteOffset: 2 + index, as: Int8.self)) * scale
    }
  }

  /// The levels of the non-linear four-bit types.
  private static let levels: InlineLevels = (
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  )
  /// Twice the numbers of float4e2m1.
  private static let doubled: InlineLevels = (
    0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12
  )
  private typealias InlineLevels = (
    Float, Float, Float, Float, Float, Float, Float, Float, Float, Float, Float, Float, Float,
    Float, Float, Float
  )

  @inline(__always)
  private static func withLevels(
    _ levels: InlineLevels, _ body: (UnsafePointer<Float>) -> Void
  ) {
    withUnsafeBytes(of: levels) { bytes in
      guard let start = bytes.baseAddress else { return }
      body(start.assumingMemoryBound(to: Float.self))
    }
  }

  @Sendable static func iq4_NL(_ block: UnsafeRawPointer, _ out: Output) {
    let scale = half(block, 0)
    withLevels(levels) { levels in
      nibbles(block, 2) { out[$0] = scale * levels[Int($1)] }
    }
  }

  @Sendable static func mxfp4(_ block: UnsafeRawPointer, _ out: Output) {
    let exponent = UInt32(byte(block, 0))
    // Half of 2^(e - 127), which may be subnormal.
    let scale = Float(bitPattern: exponent < 2 ? 0x0020_0000 << exponent : (exponent - 1) << 23)
    withLevels(doubled) { levels in
      nibbles(block, 1) { out[$0] = scale * levels[Int($1)] }
    }
  }

  /// Four groups of 16, each with an unsigned float8e4m3 as its scale.
  @Sendable static func nvfp4(_ block: UnsafeRawPointer, _ out: Output) {
    withLevels(doubled) { levels in
      for group in 0..<4 {
        let bits = byte(block, group)
        let exponent = Int(bits >> 3 & 0xF)
        let mantissa = Float(bits & 7)
        let value =
          exponent == 0
          ? mantissa / 512
          : (1 + mantissa / 8) * Float(sign: .plus, exponent: exponent - 7, significand: 1)
        let scale: Float = bits == 0 || bits == 0x7F ? 0 : value * 0.5
        nibbles(block, 4 + 8 * group, half: 8) { out[16 * group + $0] = scale * levels[Int($1)] }
      }
    }
  }

  // MARK: Blocks of 256

  /// 16 scales and minima of four bits each, and two bits an element.
  @Sendable static func q2_K(_ block: UnsafeRawPointer, _ out: Output) {
    let (scale, least) = (half(block, 80), half(block, 82))
    for group in 0..<16 {
      let bits = byte(block, group)
      let (step, minimum) = (scale * Float(bits & 0xF), least * Float(bits >> 4))
      let (start, shift) = twoBitPlace(group)
      for index in 0..<16 {
        let value = byte(block, 16 + start + index) >> shift & 3
        out[16 * group + index] = step * Float(value) - minimum
      }
    }
  }

  /// Where the two-bit elements of a group of 16 are: 128 elements share 32 bytes.
  @inline(__always)
  private static func twoBitPlace(_ group: Int) -> (start: Int, shift: UInt8) {
    (group / 8 * 32 + group % 2 * 16, UInt8(group % 8 / 2 * 2))
  }

  /// A mask of high bits, two low bits an element, and 16 scales of six bits.
  @Sendable static func q3_K(_ block: UnsafeRawPointer, _ out: Output) {
    let scale = half(block, 108)
    for group in 0..<16 {
      let low = byte(block, 96 + group % 8) >> (group < 8 ? 0 : 4) & 0xF
      let high = byte(block, 104 + group % 4) >> UInt8(group / 4 * 2) & 3
      let step = scale * Float(Int(low | high << 4) - 32)
      let (start, shift) = twoBitPlace(group)
      for index in 0..<16 {
        let value = Int(byte(block, 32 + start + index) >> shift & 3)
        let bit = byte(block, group % 2 * 16 + index) >> UInt8(group / 2) & 1
        out[16 * group + index] = step * Float(value - (bit == 0 ? 4 : 0))
      }
    }
  }

  /// The six-bit scale and minimum of a group of 32, packed in 12 bytes.
  @inline(__always)
  private static func scaleAndMinimum(
    _ block: UnsafeRawPointer, _ group: Int
  ) -> (scale: Float, minimum: Float) {
    let low = byte(block, 4 + group % 4)
    let middle = byte(block, 8 + group % 4)
    if group < 4 { return (Float(low & 0x3F), Float(middle & 0x3F)) }
    let high = byte(block, 12 + group % 4)
    return (Float(high & 0xF | low >> 2 & 0x30), Float(high >> 4 | middle >> 2 & 0x30))
  }

  @Sendable static func q4_K(_ block: UnsafeRawPointer, _ out: Output) {
    let (scale, least) = (half(block, 0), half(block, 2))
    for group in 0..<8 {
      let (factor, minimum) = scaleAndMinimum(block, group)
      let (step, offset) = (scale * factor, least * minimum)
      for index in 0..<32 {
        let bits = byte(block, 16 + group / 2 * 32 + index)
        out[32 * group + index] = step * Float(group % 2 == 0 ? bits & 0xF : bits >> 4) - offset
      }
    }
  }

  @Sendable static func q5_K(_ block: UnsafeRawPointer, _ out: Output) {
    let (scale, least) = (half(block, 0), half(block, 2))
    for group in 0..<8 {
      let (factor, minimum) = scaleAndMinimum(block, group)
      let (step, offset) = (scale * factor, least * minimum)
      for index in 0..<32 {
        let bits = byte(block, 48 + group / 2 * 32 + index)
        let low = group % 2 == 0 ? bits & 0xF : bits >> 4
        let high = byte(block, 16 + index) >> UInt8(group) & 1
        out[32 * group + index] = step * Float(low | high << 4) - offset
      }
    }
  }

  @Sendable static func q6_K(_ block: UnsafeRawPointer, _ out: Output) {
    let scale = half(block, 208)
    for group in 0..<16 {
      let step = scale * Float(block.load(fromByteOffset: 192 + group, as: Int8.self))
      // Rows of 32: 128 elements have 64 bytes of low and 32 of high bits.
      let row = group / 2
      let low = row / 4 * 64 + row % 2 * 32 + group % 2 * 16
      let high = 128 + row / 4 * 32 + group % 2 * 16
      for index in 0..<16 {
        let bits = byte(block, low + index) >> (row % 4 < 2 ? 0 : 4) & 0xF
        let top = byte(block, high + index) >> UInt8(row % 4 * 2) & 3
        out[16 * group + index] = step * Float(Int(bits | top << 4) - 32)
      }
    }
  }

  @Sendable static func iq4_XS(_ block: UnsafeRawPointer, _ out: Output) {
    let scale = half(block, 0)
    let high = block.loadUnaligned(fromByteOffset: 2, as: UInt16.self)
    withLevels(levels) { levels in
      for group in 0..<8 {
        let low = byte(block, 4 + group / 2) >> (group % 2 == 0 ? 0 : 4) & 0xF
        let top = UInt8(high >> UInt16(2 * group) & 3)
        let step = scale * Float(Int(low | top << 4) - 32)
        nibbles(block, 8 + 16 * group) { out[32 * group + $0] = step * levels[Int($1)] }
      }
    }
  }

  // MARK: Three values

  /// Five elements a byte, in base 3; the last 16 elements are four a byte.
  @Sendable static func tq1_0(_ block: UnsafeRawPointer, _ out: Output) {
    let scale = half(block, 52)
    var target = 0
    func put(_ bytes: Range<Int>, digits: Int) {
      var power: UInt8 = 1
      for _ in 0..<digits {
        for index in bytes {
          let value = (UInt16(byte(block, index) &* power) * 3) >> 8
          out[target] = scale * Float(Int(value) - 1)
          target += 1
        }
        power &*= 3
      }
    }
    put(0..<32, digits: 5)
    put(32..<48, digits: 5)
    put(48..<52, digits: 4)
  }

  @Sendable static func tq2_0(_ block: UnsafeRawPointer, _ out: Output) {
    let scale = half(block, 64)
    for index in 0..<256 {
      let bits = byte(block, index / 128 * 32 + index % 32) >> UInt8(index % 128 / 32 * 2) & 3
      out[index] = scale * Float(Int(bits) - 1)
    }
  }
}
