import ONNXOperators
import RealModule

/// The generator MT19937 (Matsumoto and Nishimura 1998) with the sampling of NumPy's `RandomState`,
/// so that an operator with a seed returns the same numbers as the standard's reference.
struct MersenneTwister {
  private var state: [UInt32]
  private var next = 624
  private var spareNormal: Double?

  init(seed: UInt32) {
    state = [UInt32](repeating: seed, count: 624)
    for i in 1..<624 {
      state[i] = 1_812_433_253 &* (state[i - 1] ^ state[i - 1] >> 30) &+ UInt32(i)
    }
  }

  /// A random 32-bit number.
  mutating func bits() -> UInt32 {
    if next == 624 { refill() }
    var y = state[next]
    next += 1
    y ^= y >> 11
    y ^= y << 7 & 0x9D2C_5680
    y ^= y << 15 & 0xEFC6_0000
    return y ^ y >> 18
  }

  /// A uniformly distributed number in `0..<1`, with 53 random bits.
  mutating func uniform() -> Double {
    let high = Double(bits() >> 5)
    let low = Double(bits() >> 6)
    return (high * 67_108_864 + low) / 9_007_199_254_740_992
  }

  /// A number from the standard normal distribution, by Marsaglia's polar method.
  mutating func normal() -> Double {
    if let spare = spareNormal {
      spareNormal = nil
      return spare
    }
    while true {
      let x = 2 * uniform() - 1
      let y = 2 * uniform() - 1
      let square = x * x + y * y
      guard square < 1, square != 0 else { continue }
      let factor = (-2 * .log(square) / square).squareRoot()
      spareNormal = factor * x
      return factor * y
    }
  }

  private mutating func refill() {
    for i in 0..<624 {
      let y = state[i] & 0x8000_0000 | state[(i + 1) % 624] & 0x7FFF_FFFF
      state[i] = state[(i + 397) % 624] ^ y >> 1 ^ (y & 1 == 0 ? 0 : 0x9908_B0DF)
    }
    next = 0
  }
}
