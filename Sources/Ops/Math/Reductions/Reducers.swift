import ONNXFormat
import ONNXOperators
import RealModule

enum SumReducer<T: ArithmeticElement>: Reducer {
  static var identity: T { .zero }
  static func lift(_ x: T) -> T { x }
  static func combine(_ a: T, _ b: T) -> T { .add(a, b) }
}

enum AbsoluteSumReducer<T: ArithmeticElement>: Reducer {
  static var identity: T { .zero }
  static func lift(_ x: T) -> T { .absolute(x) }
  static func combine(_ a: T, _ b: T) -> T { .add(a, b) }
}

enum SquareSumReducer<T: ArithmeticElement>: Reducer {
  static var identity: T { .zero }
  static func lift(_ x: T) -> T { .multiply(x, x) }
  static func combine(_ a: T, _ b: T) -> T { .add(a, b) }
}

enum ProductReducer<T: ArithmeticElement>: Reducer {
  static var identity: T { .one }
  static func lift(_ x: T) -> T { x }
  static func combine(_ a: T, _ b: T) -> T { .multiply(a, b) }
}

enum GreatestReducer<T: ArithmeticElement>: Reducer {
  static var identity: T { .lowest }
  static func lift(_ x: T) -> T { x }
  static func combine(_ a: T, _ b: T) -> T { a > b || a.isNaN ? a : b }
}

enum LeastReducer<T: ArithmeticElement>: Reducer {
  static var identity: T { .highest }
  static func lift(_ x: T) -> T { x }
  static func combine(_ a: T, _ b: T) -> T { a < b || a.isNaN ? a : b }
}

/// The largest element, and the sum of `e^(x − greatest)`.
struct ExponentialSum: Sendable {
  var greatest: Double
  var sum: Double
  /// `ln Σ eˣ`
  var logarithm: Double { greatest + .log(sum) }
}

enum ExponentialSumReducer<T: ArithmeticElement>: Reducer {
  static var identity: ExponentialSum { ExponentialSum(greatest: -.infinity, sum: 0) }
  static func lift(_ x: T) -> ExponentialSum { ExponentialSum(greatest: x.double, sum: 1) }
  static func combine(_ a: ExponentialSum, _ b: ExponentialSum) -> ExponentialSum {
    // The difference of two equal infinities would be NaN.
    if a.greatest == b.greatest {
      return ExponentialSum(greatest: a.greatest, sum: a.sum + b.sum)
    }
    let (high, low) = a.greatest > b.greatest || a.greatest.isNaN ? (a, b) : (b, a)
    return ExponentialSum(
      greatest: high.greatest, sum: high.sum + low.sum * .exp(low.greatest - high.greatest))
  }
}
