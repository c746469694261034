import ONNXFormat
import RealModule

/// Random bit strings and their parity, 1 for an odd number of ones. Every epoch has new strings.
///
/// The strings of a batch have the same random length. A batch has the tensors
/// - `bits`, float32 `[N, T, 1]`,
/// - `lengths`, int32 `[N]`,
/// - `labels`, int64 `[N]`: the parity of the string,
/// - `steps`, int64 `[N, T]`: the parity up to each bit.
package struct ParityTask: BatchSource {
  package let batchCount: Int
  private let size: Int
  private let lengths: ClosedRange<Int>
  private let seed: UInt64

  /// - Parameters:
  ///   - lengths: The range of the strings' lengths.
  ///   - size: The number of strings in a batch.
  ///   - batchCount: The number of batches per epoch.
  package init(lengths: ClosedRange<Int>, size: Int, batchCount: Int, seed: UInt64) {
    precondition(lengths.lowerBound > 0 && size > 0 && batchCount > 0)
    self.lengths = lengths
    self.size = size
    self.batchCount = batchCount
    self.seed = seed
  }

  package func batch(epoch: Int, index: Int) throws(DataError) -> Batch {
    var random = RandomStream(seed: seed, UInt64(epoch), UInt64(index))
    let length = lengths.lowerBound + random.integer(below: lengths.count)
    let bits = try Tensor(data: Float.self, shape: [size, length, 1]) { target in
      for position in 0..<size * length { target[position] = Float(random.next() >> 63) }
    }
    let source = bits.elements(as: Float.self)
    let steps = try Tensor(data: Int64.self, shape: [size, length]) { target in
      for row in 0..<size {
        var parity: Int64 = 0
        for column in row * length..<(row + 1) * length {
          parity ^= source[column] == 1 ? 1 : 0
          target[column] = parity
        }
      }
    }
    let last = steps.elements(as: Int64.self)
    let labels = try Tensor(data: Int64.self, shape: [size]) { target in
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

/// The adding problem (Hochreiter and Schmidhuber, 1997): sequences of pairs of a number from 0 to 1 and a
/// mark, and the sum of the two marked numbers. One mark is in each half of a sequence. The constant
/// prediction 1 has a mean squared error of 1/6.
///
/// A batch has the tensors `pairs`, float32 `[N, T, 2]`, and `sums`, float32 `[N, 1]`.
package struct AddingTask: BatchSource {
  package let batchCount: Int
  private let size: Int
  private let length: Int
  private let seed: UInt64

  /// - Parameters:
  ///   - length: The number of pairs in a sequence, at least 2.
  ///   - size: The number of sequences in a batch.
  ///   - batchCount: The number of batches per epoch. Every epoch has new sequences.
  package init(length: Int, size: Int, batchCount: Int, seed: UInt64) {
    precondition(length > 1 && size > 0 && batchCount > 0)
    self.length = length
    self.size = size
    self.batchCount = batchCount
    self.seed = seed
  }

  package func batch(epoch: Int, index: Int) throws(DataError) -> Batch {
    var random = RandomStream(seed: seed, UInt64(epoch), UInt64(index))
    var sums = [Float](repeating: 0, count: size)
    let half = length / 2
    let pairs = try Tensor(data: Float.self, shape: [size, length, 2]) { target in
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

/// A noisy sum of sines, divided into windows of past values and the future values to be forecast.
///
/// A batch has the tensors `past`, float32 `[N, T, 1]`, and `future`, float32 `[N, H]`.
package struct ForecastTask: ExampleSource {
  /// The series including noise. Its mean is about 0 and its range about −2 to 2.
  package let series: [Float]
  package let pastLength: Int
  package let futureLength: Int
  private let start: Int
  package let count: Int

  /// - Parameters:
  ///   - length: The number of values in the series.
  ///   - past: The number of past values in an example.
  ///   - future: The number of future values in an example.
  ///   - noise: The standard deviation of the noise.
  package init(
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

  /// Divides the series into a training part and a test part at its end that share no value.
  /// - Throws: `DataError` if a part would be empty.
  package func split(
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

  package func batch(of examples: [Int]) throws(DataError) -> Batch {
    let past = try Tensor(data: Float.self, shape: [examples.count, pastLength, 1]) { target in
      for (row, example) in examples.enumerated() {
        for step in 0..<pastLength {
          target[row * pastLength + step] = series[start + example + step]
        }
      }
    }
    let future = try Tensor(data: Float.self, shape: [examples.count, futureLength]) { target in
      for (row, example) in examples.enumerated() {
        for step in 0..<futureLength {
          target[row * futureLength + step] = series[start + example + pastLength + step]
        }
      }
    }
    return Batch(["past": past, "future": future], count: examples.count)
  }
}
