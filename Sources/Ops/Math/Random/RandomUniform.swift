import ONNXFormat
import ONNXOperators

/// A tensor of the given shape with elements uniformly distributed between `low` and `high`.
struct RandomUniform: RandomOperator {
  static let schema = Schema("RandomUniform", [1: .all, 22: .all], inputs: 0...0)
  static var parameters: [(name: String, default: Float)] { [("low", 0), ("high", 1)] }
  static var takesShapeOfInput: Bool { false }
  let options: RandomOptions

  init(_ options: RandomOptions) { self.options = options }

  func draw(_ generator: inout MersenneTwister) -> Double {
    options.first + (options.second - options.first) * generator.uniform()
  }
}
