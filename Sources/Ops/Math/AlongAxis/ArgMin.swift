import ONNXFormat
import ONNXOperators

/// The index of the smallest element along an axis.
struct ArgMin: ArgExtremeOperator {
  static let schema = Schema("ArgMin", ArgMin.versions, inputs: 1...1)
  static var widening: Widening { .exact }
  static var findsGreatest: Bool { false }
  let options: ArgExtremeOptions

  init(_ options: ArgExtremeOptions) { self.options = options }
}
