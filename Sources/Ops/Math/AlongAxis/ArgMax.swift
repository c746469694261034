import ONNXFormat
import ONNXOperators

/// The index of the largest element along an axis.
struct ArgMax: ArgExtremeOperator {
  static let schema = Schema("ArgMax", ArgMax.versions, inputs: 1...1)
  static var widening: Widening { .exact }
  static var findsGreatest: Bool { true }
  let options: ArgExtremeOptions

  init(_ options: ArgExtremeOptions) { self.options = options }
}
