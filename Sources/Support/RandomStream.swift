import RealModule

/// Random numbers that follow from a seed and a path alone: the shuffle of epoch 3, the weights of a
/// layer. Equal seeds and paths give equal numbers on every machine (SplitMix64; Steele, Lea and
/// Flood, 2014).
public struct RandomStream: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// - Parameter path: what the numbers are for, such as an epoch's or a batch's number
  public init(seed: UInt64, _ path: UInt64...) {
    state = seed
    for part in path {
      state = next() ^ part
      state = next()
    }
  }

  /// - Parameter name: what the numbers are for, such as a parameter's name
  public init(seed: UInt64, name: String) {
    state = seed
    for byte in name.utf8 {
      state = next() ^ UInt64(byte)
    }
    state = next()
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number from 0 up to, not including, 1.
  public mutating func uniform() -> Double { Double(next() >> 11) / Double(1 << 53) }

  /// A number from `low` up to `high`.
  public mutating func uniform(_ low: Double, _ high: Double) -> Double {
    low + (high - low) * uniform()
  }

  /// A number of the standard normal distribution.
  public mutating func normal() -> Double {
    let radius = (-2 * Double.log(1 - uniform())).squareRoot()
    return radius * .cos(2 * .pi * uniform())
  }

  /// A number from 0 up to, not including, `bound`.
  /// - Precondition: `bound` is positive.
  public mutating func integer(below bound: Int) -> Int { Int(next(upperBound: UInt64(bound))) }

  /// The numbers `0..<count` in random order.
  public mutating func permutation(_ count: Int) -> [Int] { (0..<count).shuffled(using: &self) }
}
