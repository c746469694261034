import ONNXFormat
import ONNXOperators

/// Where the least element lies along an axis.
struct ArgMin: ArgExtremeOperator {
  static let schema = Schema("ArgMin", ArgMin.versions, inputs: 1...1)
  static var widening: Widening { .exact }
  static var findsGreatest: Bool { false }
  let options: ArgExtremeOptions

  init(_ options: ArgExtremeOptions) { self.options = options }
}
