import ONNXFormat
import ONNXOperators

/// The seed of a random operator: fixed by an attribute, or drawn from the run.
enum RandomSeed: Sendable {
  case fixed(UInt32)
  case fromRun

  /// Reads the float attribute `seed` of the random operators.
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

  /// Mixes the bits of a seed (the last step of SplitMix64): the seeds of runs may be consecutive.
  static func mix(_ seed: UInt64) -> UInt64 {
    var z = seed &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
