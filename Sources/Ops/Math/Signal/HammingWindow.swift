import ONNXFormat
import ONNXOperators
import RealModule

/// `α − (1 − α) cos t` with `α = 25/46`
struct HammingWindow: WindowOperator {
  static let schema = Schema("HammingWindow", [17: [.int32, .int64]], inputs: 1...1)
  let options: WindowOptions

  init(_ options: WindowOptions) { self.options = options }

  func value(at phase: Double) -> Double {
    25.0 / 46 - 21.0 / 46 * .cos(phase)
  }
}

extension HammingWindow {
  static var versionSteps: [VersionStep] { [.window(25.0 / 46, 21.0 / 46, 0)] }
}
