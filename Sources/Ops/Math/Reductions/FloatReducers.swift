import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// A reducer of float32, with loops from CKernels where they exist.
protocol FloatReducer: Reducer where Element == Float {
  /// Whether `reduce` combines runs shorter than a vector in their order.
  static var combinesShortRunsInOrder: Bool { get }
}

extension FloatReducer {
  static var combinesShortRunsInOrder: Bool { false }

  static func reduceRuns(
    _ x: UnsafePointer<Float>, length: Int, into y: UnsafeMutablePointer<Accumulator>,
    _ count: Int
  ) {
    // The loops of CKernels begin with vectors of 32 elements.
    if combinesShortRunsInOrder, length < 32 {
      reduceInOrder(x, length: length, into: y, count)
    } else {
      for i in 0..<count { y[i] = combine(y[i], reduce(x + i * length, length)) }
    }
  }
}

extension FloatReducer {
  /// The number of elements from which a call of a vectorised loop is faster. The loops add fewer
  /// elements in the same order.
  static var shortRun: Int { 12 }

  /// The result of a few elements in their order.
  @inline(__always) static func reduceShort(
    _ x: UnsafePointer<Float>, _ count: Int
  ) -> Accumulator {
    var result = identity
    for i in 0..<count { result = combine(result, lift(x[i])) }
    return result
  }
}

/// A sum of float32 numbers in `Double`.
protocol FloatAdditiveReducer: FloatReducer where Accumulator == Double {}

extension FloatAdditiveReducer {
  static var identity: Double { 0 }
  static func combine(_ a: Double, _ b: Double) -> Double { a + b }
}

enum FloatSumReducer: FloatAdditiveReducer {
  static var combinesShortRunsInOrder: Bool { true }
  static func lift(_ x: Float) -> Double { Double(x) }
  static func reduce(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
    count < shortRun ? reduceShort(x, count) : ck_reduce_sum(x, count)
  }
  static func accumulate(
    _ x: UnsafePointer<Float>, stride: Int, rows: Int, into y: UnsafeMutablePointer<Double>,
    _ count: Int
  ) { ck_reduce_sum_rows(x, stride, rows, y, count) }
}

enum FloatAbsoluteSumReducer: FloatAdditiveReducer {
  static func lift(_ x: Float) -> Double { Double(abs(x)) }
  static func reduce(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
    ck_reduce_sum_abs(x, count)
  }
  static func accumulate(
    _ x: UnsafePointer<Float>, stride: Int, rows: Int, into y: UnsafeMutablePointer<Double>,
    _ count: Int
  ) { ck_reduce_sum_abs_rows(x, stride, rows, y, count) }
}

enum FloatSquareSumReducer: FloatAdditiveReducer {
  static func lift(_ x: Float) -> Double { Double(x * x) }
  static func reduce(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
    ck_reduce_sum_squares(x, count)
  }
  static func accumulate(
    _ x: UnsafePointer<Float>, stride: Int, rows: Int, into y: UnsafeMutablePointer<Double>,
    _ count: Int
  ) { ck_reduce_sum_squares_rows(x, stride, rows, y, count) }
}

enum FloatProductReducer: FloatReducer {
  static var identity: Double { 1 }
  static func lift(_ x: Float) -> Double { Double(x) }
  static func combine(_ a: Double, _ b: Double) -> Double { a * b }
}

enum FloatGreatestReducer: FloatReducer {
  static var combinesShortRunsInOrder: Bool { true }
  static var identity: Float { -.infinity }
  static func lift(_ x: Float) -> Float { x }
  static func combine(_ a: Float, _ b: Float) -> Float { a > b || a.isNaN ? a : b }
  static func reduce(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
    count < shortRun ? reduceShort(x, count) : ck_reduce_max(x, count, identity)
  }
  static func accumulate(
    _ x: UnsafePointer<Float>, stride: Int, rows: Int, into y: UnsafeMutablePointer<Float>,
    _ count: Int
  ) { ck_reduce_max_rows(x, stride, rows, y, count) }
}

enum FloatLeastReducer: FloatReducer {
  static var combinesShortRunsInOrder: Bool { true }
  static var identity: Float { .infinity }
  static func lift(_ x: Float) -> Float { x }
  static func combine(_ a: Float, _ b: Float) -> Float { a < b || a.isNaN ? a : b }
  static func reduce(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
    count < shortRun ? reduceShort(x, count) : ck_reduce_min(x, count, identity)
  }
  static func accumulate(
    _ x: UnsafePointer<Float>, stride: Int, rows: Int, into y: UnsafeMutablePointer<Float>,
    _ count: Int
  ) { ck_reduce_min_rows(x, stride, rows, y, count) }
}

enum FloatExponentialSumReducer: FloatReducer {
  static var identity: ExponentialSum { ExponentialSumReducer<Float>.identity }
  static func lift(_ x: Float) -> ExponentialSum { ExponentialSumReducer<Float>.lift(x) }
  static func combine(_ a: ExponentialSum, _ b: ExponentialSum) -> ExponentialSum {
    ExponentialSumReducer<Float>.combine(a, b)
  }
  static func reduce(_ x: UnsafePointer<Float>, _ count: Int) -> ExponentialSum {
    var result = identity
    let block = 512
    withUnsafeTemporaryAllocation(of: Float.self, capacity: block) { memory in
      guard let base = memory.baseAddress else { return }
      for start in Swift.stride(from: 0, to: count, by: block) {
        let size = min(block, count - start)
        let greatest = ck_reduce_max(x + start, size, -.infinity)
        if greatest.isFinite {
          let sum = ck_exp_sum(x + start, base, size, greatest)
          result = combine(result, ExponentialSum(greatest: Double(greatest), sum: sum))
        } else {
          for i in start..<start + size { result = combine(result, lift(x[i])) }
        }
      }
    }
    return result
  }
}

/// A reducer of 16-bit elements that converts blocks to `Float`.
enum HalfReducer<T: HalfFloat, R: FloatReducer>: Reducer {
  static var identity: R.Accumulator { R.identity }
  static func lift(_ x: T) -> R.Accumulator { R.lift(x.compute) }
  static func combine(_ a: R.Accumulator, _ b: R.Accumulator) -> R.Accumulator { R.combine(a, b) }

  static func reduce(_ x: UnsafePointer<T>, _ count: Int) -> R.Accumulator {
    var result = R.identity
    T.withBlocks(1) { block in
      for start in Swift.stride(from: 0, to: count, by: T.block) {
        let size = min(T.block, count - start)
        T.widen(x + start, block, size)
        result = R.combine(result, R.reduce(block, size))
      }
    }
    return result
  }

  static func accumulate(
    _ x: UnsafePointer<T>, stride: Int, rows: Int, into y: UnsafeMutablePointer<R.Accumulator>,
    _ count: Int
  ) {
    T.withBlocks(1) { block in
      for row in 0..<rows {
        for start in Swift.stride(from: 0, to: count, by: T.block) {
          let size = min(T.block, count - start)
          T.widen(x + row * stride + start, block, size)
          R.accumulate(block, stride: 0, rows: 1, into: y + start, size)
        }
      }
    }
  }
}
