import ONNXFormat
import ONNXOperators

/// A tensor of the input's shape with normally distributed elements.
struct RandomNormalLike: RandomOperator {
  static let schema = Schema(
    "RandomNormalLike", [1: .classic, 22: [.classic, .bfloat16]], inputs: 1...1)
  static var parameters: [(name: String, default: Float)] { [("mean", 0), ("scale", 1)] }
  static var takesShapeOfInput: Bool { true }
  let options: RandomOptions

  init(_ options: RandomOptions) { self.options = options }

  func draw(_ generator: inout MersenneTwister) -> Double {
    options.first + options.second * generator.normal()
  }
}
