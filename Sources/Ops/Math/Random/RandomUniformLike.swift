import ONNXFormat
import ONNXOperators

/// A tensor of the input's shape with elements uniformly distributed between `low` and `high`.
struct RandomUniformLike: RandomOperator {
  static let schema = Schema(
    "RandomUniformLike", [1: .classic, 22: [.classic, .bfloat16]], inputs: 1...1)
  static var parameters: [(name: String, default: Float)] { [("low", 0), ("high", 1)] }
  static var takesShapeOfInput: Bool { true }
  let options: RandomOptions

  init(_ options: RandomOptions) { self.options = options }

  func draw(_ generator: inout MersenneTwister) -> Double {
    options.first + (options.second - options.first) * generator.uniform()
  }
}
