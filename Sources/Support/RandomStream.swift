import RealModule

/// A random number generator determined by a seed and a path, such as the number of an epoch or the
/// name of a parameter. Equal seeds and paths give equal numbers on every machine (SplitMix64;
/// Steele, Lea and Flood, 2014).
public struct RandomStream: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Creates a generator for a seed and a path of numbers.
  /// - Parameter path: The purpose of the numbers, such as the epoch and the batch.
  public init(seed: UInt64, _ path: UInt64...) {
    state = seed
    for part in path {
      state = next() ^ part
      state = next()
    }
  }

  /// Creates a generator for a seed and a name.
  /// - Parameter name: The purpose of the numbers, such as the name of a parameter.
  public init(seed: UInt64, name: String) {
    state = seed
    for byte in name.utf8 {
      state = next() ^ UInt64(byte)
    }
    state = next()
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number drawn uniformly from `0..<1`.
  public mutating func uniform() -> Double { Double(next() >> 11) / Double(1 << 53) }

  /// A number drawn uniformly from `low..<high`.
  public mutating func uniform(_ low: Double, _ high: Double) -> Double {
    low + (high - low) * uniform()
  }

  /// A number drawn from the standard normal distribution.
  public mutating func normal() -> Double {
    let radius = (-2 * Double.log(1 - uniform())).squareRoot()
    return radius * .cos(2 * .pi * uniform())
  }

  /// An integer drawn uniformly from `0..<bound`.
  /// - Precondition: `bound` is positive.
  public mutating func integer(below bound: Int) -> Int { Int(next(upperBound: UInt64(bound))) }

  /// The integers `0..<count` in random order.
  public mutating func permutation(_ count: Int) -> [Int] { (0..<count).shuffled(using: &self) }
}
