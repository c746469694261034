import ONNXFormat
import ONNXOperators
import RealModule

/// `0.42 − ½ cos t + 0.08 cos 2t`
struct BlackmanWindow: WindowOperator {
  static let schema = Schema("BlackmanWindow", [17: [.int32, .int64]], inputs: 1...1)
  let options: WindowOptions

  init(_ options: WindowOptions) { self.options = options }

  func value(at phase: Double) -> Double {
    0.42 - 0.5 * .cos(phase) + 0.08 * .cos(2 * phase)
  }
}

extension BlackmanWindow {
  static var versionSteps: [VersionStep] { [.window(0.42, 0.5, 0.08)] }
}
