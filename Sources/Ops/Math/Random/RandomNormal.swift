import ONNXFormat
import ONNXOperators

/// A tensor of the given shape with normally distributed elements.
struct RandomNormal: RandomOperator {
  static let schema = Schema("RandomNormal", [1: .all, 22: .all], inputs: 0...0)
  static var parameters: [(name: String, default: Float)] { [("mean", 0), ("scale", 1)] }
  static var takesShapeOfInput: Bool { false }
  let options: RandomOptions

  init(_ options: RandomOptions) { self.options = options }

  func draw(_ generator: inout MersenneTwister) -> Double {
    options.first + options.second * generator.normal()
  }
}
