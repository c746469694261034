import ONNXFormat
import RealModule

/// Bit strings and their parity: 1 where the number of ones is odd. Every epoch has new ones.
///
/// A batch has strings of one length, drawn for it. It holds
/// - `bits`, float32 `[N, T, 1]`,
/// - `lengths`, int32 `[N]`,
/// - `labels`, int64 `[N]`: the parity of the whole string,
/// - `steps`, int64 `[N, T]`: the parity up to each bit.
public struct ParityTask: BatchSource {
  public let batchCount: Int
  private let size: Int
  private let lengths: ClosedRange<Int>
  private let seed: UInt64

  /// - Parameters:
  ///   - lengths: of the strings: 1 to 20 to learn from, 100 to test with
  ///   - size: strings in a batch
  ///   - batchCount: batches in an epoch
  public init(lengths: ClosedRange<Int>, size: Int, batchCount: Int, seed: UInt64) {
    precondition(lengths.lowerBound > 0 && size > 0 && batchCount > 0)
    self.lengths = lengths
    self.size = size
    self.batchCount = batchCount
    self.seed = seed
  }

  public func batch(epoch: Int, index: Int) throws -> Batch {
    var random = RandomStream(seed: seed, UInt64(epoch), UInt64(index))
    let length = lengths.lowerBound + random.integer(below: lengths.count)
    let bits = try Tensor(Float.self, shape: [size, length, 1]) { target in
      for position in 0..<size * length { target[position] = Float(random.next() >> 63) }
    }
    let source = bits.elements(as: Float.self)
    let steps = try Tensor(Int64.self, shape: [size, length]) { target in
      for row in 0..<size {
        var parity: Int64 = 0
        for column in row * length..<(row + 1) * length {
          parity ^= source[column] == 1 ? 1 : 0
          target[column] = parity
        }
      }
    }
    let last = steps.elements(as: Int64.self)
    let labels = try Tensor(Int64.self, shape: [size]) { target in
      for row in 0..<size { target[row] = last[(row + 1) * length - 1] }
    }
    return Batch(
      [
        "bits": bits, "steps": steps, "labels": labels,
        "lengths": try Tensor(
          data: [Int32](repeating: Int32(clamping: length), count: size), shape: [size]),
      ], count: size)
  }
}

/// Sequences of pairs, a number from 0 to 1 and a mark: the sum of the two marked numbers is wanted
/// (Hochreiter and Schmidhuber, 1997). One mark stands in each half. Who always says 1 has a mean
/// squared error of 1/6.
///
/// A batch holds `pairs`, float32 `[N, T, 2]`, and `sums`, float32 `[N, 1]`.
public struct AddingTask: BatchSource {
  public let batchCount: Int
  private let size: Int
  private let length: Int
  private let seed: UInt64

  /// - Parameters:
  ///   - length: pairs in a sequence, at least 2
  ///   - size: sequences in a batch
  ///   - batchCount: batches in an epoch; every epoch has new ones
  public init(length: Int, size: Int, batchCount: Int, seed: UInt64) {
    precondition(length > 1 && size > 0 && batchCount > 0)
    self.length = length
    self.size = size
    self.batchCount = batchCount
    self.seed = seed
  }

  public func batch(epoch: Int, index: Int) throws -> Batch {
    var random = RandomStream(seed: seed, UInt64(epoch), UInt64(index))
    var sums = [Float](repeating: 0, count: size)
    let half = length / 2
    let pairs = try Tensor(Float.self, shape: [size, length, 2]) { target in
      for row in 0..<size {
        let first = random.integer(below: half)
        let second = half + random.integer(below: length - half)
        for step in 0..<length {
          let number = Float(random.uniform())
          let isMarked = step == first || step == second
          target[(row * length + step) * 2] = number
          target[(row * length + step) * 2 + 1] = isMarked ? 1 : 0
          if isMarked { sums[row] += number }
        }
      }
    }
    return Batch(
      ["pairs": pairs, "sums": try Tensor(data: sums, shape: [size, 1])], count: size)
  }
}

/// A noisy sum of sines, of which the next values are to be told from those before.
///
/// Examples hold `past`, float32 `[N, T, 1]`, and `future`, float32 `[N, H]`.
public struct ForecastTask: ExampleSource {
  /// The whole series, noise and all, its mean about 0 and its values about -2 to 2.
  public let series: [Float]
  public let pastLength: Int
  public let futureLength: Int
  private let start: Int
  public let count: Int

  /// - Parameters:
  ///   - length: values of the series
  ///   - past: values that an example shows
  ///   - future: values that follow them
  ///   - noise: standard deviation of what is added to the sines
  public init(
    length: Int = 4000, past: Int = 50, future: Int = 10, noise: Double = 0.1, seed: UInt64
  ) {
    precondition(past > 0 && future > 0 && length >= past + future && noise >= 0)
    var random = RandomStream(seed: seed, name: "forecast")
    let waves = [(20.0, 1.0), (47.0, 0.6), (113.0, 0.4)].map { period, height in
      (speed: 2 * Double.pi / period, height: height, phase: random.uniform(0, 2 * .pi))
    }
    series = (0..<length).map { time in
      let sines = waves.reduce(0) { sum, wave in
        sum + wave.height * Double.sin(wave.speed * Double(time) + wave.phase)
      }
      return Float(sines + noise * random.normal())
    }
    pastLength = past
    futureLength = future
    start = 0
    count = length - past - future + 1
  }

  private init(_ task: ForecastTask, _ range: Range<Int>) {
    series = task.series
    pastLength = task.pastLength
    futureLength = task.futureLength
    start = range.lowerBound
    count = range.count
  }

  /// The examples in two parts that share no value: those of the series' beginning and those of its
  /// end.
  /// - Throws: `DataError` where a part would be empty.
  public func split(
    testShare: Double = 0.2
  ) throws(DataError) -> (train: ForecastTask, test: ForecastTask) {
    let window = pastLength + futureLength
    let tested = Int((Double(count) * min(max(testShare, 0), 1)).rounded())
    let trained = count - tested - window + 1
    guard tested > 0, trained > 0 else {
      throw DataError(
        "a series of \(series.count) values is too short to test on \(testShare) of it")
    }
    return (
      ForecastTask(self, start..<start + trained),
      ForecastTask(self, start + count - tested..<start + count)
    )
  }

  public func batch(of examples: [Int]) throws -> Batch {
    let past = try Tensor(Float.self, shape: [examples.count, pastLength, 1]) { target in
      for (row, example) in examples.enumerated() {
        for step in 0..<pastLength {
          target[row * pastLength + step] = series[start + example + step]
        }
      }
    }
    let future = try Tensor(Float.self, shape: [examples.count, futureLength]) { target in
      for (row, example) in examples.enumerated() {
        for step in 0..<futureLength {
          target[row * futureLength + step] = series[start + example + pastLength + step]
        }
      }
    }
    return Batch(["past": past, "future": future], count: examples.count)
  }
}
