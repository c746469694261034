import ONNXFormat
import ONNXOperators
import RealModule

/// `½ − ½ cos t`
struct HannWindow: WindowOperator {
  static let schema = Schema("HannWindow", [17: [.int32, .int64]], inputs: 1...1)
  let options: WindowOptions

  init(_ options: WindowOptions) { self.options = options }

  func value(at phase: Double) -> Double {
    0.5 - 0.5 * .cos(phase)
  }
}

extension HannWindow {
  static var versionSteps: [VersionStep] { [.window(0.5, 0.5, 0)] }
}
