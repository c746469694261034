import ONNXFormat
import ONNXOperators

/// An associative reduction of many values to one.
protocol Reducer: Sendable {
  associatedtype Element: Sendable
  associatedtype Accumulator: Sendable

  /// The result of an empty reduction.
  static var identity: Accumulator { get }
  /// The result of reducing one element.
  static func lift(_ x: Element) -> Accumulator
  static func combine(_ a: Accumulator, _ b: Accumulator) -> Accumulator

  /// The result of reducing contiguous elements.
  static func reduce(_ x: UnsafePointer<Element>, _ count: Int) -> Accumulator
  /// Combines runs of `length` elements, one behind the other, each into a result in `y`. The bits are
  /// those of `reduce`.
  static func reduceRuns(
    _ x: UnsafePointer<Element>, length: Int, into y: UnsafeMutablePointer<Accumulator>,
    _ count: Int)
  /// Combines `rows` rows of `count` elements, `stride` elements apart, into the results in `y`.
  static func accumulate(
    _ x: UnsafePointer<Element>, stride: Int, rows: Int,
    into y: UnsafeMutablePointer<Accumulator>, _ count: Int)
}

extension Reducer {
  static func reduce(_ x: UnsafePointer<Element>, _ count: Int) -> Accumulator {
    // Four independent accumulators, so that no step waits for the previous one.
    var (a, b, c, d) = (identity, identity, identity, identity)
    var i = 0
    while i &+ 4 <= count {
      a = combine(a, lift(x[i]))
      b = combine(b, lift(x[i &+ 1]))
      c = combine(c, lift(x[i &+ 2]))
      d = combine(d, lift(x[i &+ 3]))
      i &+= 4
    }
    while i < count {
      a = combine(a, lift(x[i]))
      i &+= 1
    }
    return combine(combine(a, b), combine(c, d))
  }

  static func reduceRuns(
    _ x: UnsafePointer<Element>, length: Int, into y: UnsafeMutablePointer<Accumulator>,
    _ count: Int
  ) {
    for i in 0..<count { y[i] = combine(y[i], reduce(x + i * length, length)) }
  }

  /// `reduceRuns` for runs so short that a call for each would take longer than its additions.
  @inline(__always)
  static func reduceInOrder(
    _ x: UnsafePointer<Element>, length: Int, into y: UnsafeMutablePointer<Accumulator>,
    _ count: Int
  ) {
    var x = x
    for i in 0..<count {
      var result = identity
      for j in 0..<length { result = combine(result, lift(x[j])) }
      y[i] = combine(y[i], result)
      x += length
    }
  }

  static func accumulate(
    _ x: UnsafePointer<Element>, stride: Int, rows: Int,
    into y: UnsafeMutablePointer<Accumulator>, _ count: Int
  ) {
    for row in 0..<rows {
      let x = x + row * stride
      for i in 0..<count { y[i] = combine(y[i], lift(x[i])) }
    }
  }
}
