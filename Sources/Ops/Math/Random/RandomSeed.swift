import ONNXFormat
import ONNXOperators

/// Where a random operator's numbers come from: its own seed, or the run's.
enum RandomSeed: Sendable {
  case fixed(UInt32)
  case fromRun

  /// The attribute `seed` of the random operators, a float.
  init(_ node: inout NodeReader) throws(OperatorError) {
    guard let seed = try node.optionalFloat("seed"), !seed.isNaN else {
      self = .fromRun
      return
    }
    self = .fixed(UInt32(truncatingIfNeeded: Int64(truncating: seed)))
  }

  var isFixed: Bool { if case .fixed = self { true } else { false } }

  func generator(_ call: borrowing Call) -> MersenneTwister {
    switch self {
    case .fixed(let seed): MersenneTwister(seed: seed)
    case .fromRun:
      MersenneTwister(seed: UInt32(truncatingIfNeeded: Self.mix(call.context.nextSeed())))
    }
  }

  /// Spreads the bits of a seed (the last step of SplitMix64), since runs may simply count.
  static func mix(_ seed: UInt64) -> UInt64 {
    var z = seed &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
