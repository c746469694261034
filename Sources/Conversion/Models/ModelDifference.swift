import ONNX

/// A comparison of a model before and after a change: sizes, times, and the largest difference of the
/// outputs on samples.
public struct ModelDifference: Sendable {
  /// The size of all constants in a file before the change, in bytes.
  public let bytesBefore: Int
  /// The size of all constants in a file after the change, in bytes.
  public let bytesAfter: Int
  /// The largest absolute difference of an output element; infinite where one became infinite or NaN.
  public let largestDifference: Double
  /// The largest absolute value of a finite output element before the change.
  public let largestOutput: Double
  /// The shortest time of a run before the change.
  public let timeBefore: Duration
  /// The shortest time of a run after the change.
  public let timeAfter: Duration

  /// Runs both models on the samples.
  /// - Parameters:
  ///   - before: the model before the change
  ///   - after: the model after the change
  ///   - samples: the inputs of each run, by name
  ///   - operators: operators that this package lacks, as in `SessionOptions.operators`
  /// - Throws: `ModelError` where a model is invalid or does not run
  public init(
    from before: Model, to after: Model, on samples: [[String: Value]],
    operators: [any Operator.Type] = []
  ) throws(ModelError) {
    bytesBefore = before.constantBytes
    bytesAfter = after.constantBytes
    var options = SessionOptions()
    options.operators = operators
    let sessions = (
      try Session(before, options: options), try Session(after, options: options)
    )
    var difference = 0.0
    var largest = 0.0
    for sample in samples {
      let expected = try sessions.0.run(values: sample)
      let results = try sessions.1.run(values: sample)
      for (name, value) in expected {
        guard let wanted = value.tensor?.doubles, let got = results[name]?.tensor?.doubles,
          wanted.count == got.count
        else { continue }
        for (a, b) in zip(wanted, got) where a.isFinite {
          largest = max(largest, abs(a))
          difference = max(difference, b.isFinite ? abs(a - b) : .infinity)
        }
      }
    }
    largestDifference = difference
    largestOutput = largest
    (timeBefore, timeAfter) = try Self.times(sessions, samples)
  }

  /// Whether a run has become slower by more than the clock's noise.
  public var isSlower: Bool {
    timeAfter > timeBefore * 1.15 && timeAfter - timeBefore > .microseconds(50)
  }

  /// The shortest times of runs of both models, which take turns. The runs above have made the plans.
  private static func times(
    _ sessions: (Session, Session), _ samples: [[String: Value]]
  ) throws(ModelError) -> (Duration, Duration) {
    var times = (Duration.zero, Duration.zero)
    func run(_ session: Session, _ sample: [String: Value]) throws(ModelError) -> Duration {
      let start = ContinuousClock.now
      _ = try session.run(values: sample)
      return ContinuousClock.now - start
    }
    let start = ContinuousClock.now
    for round in 0..<8 {
      for sample in samples {
        let found = (try run(sessions.0, sample), try run(sessions.1, sample))
        times.0 = times.0 == .zero ? found.0 : min(times.0, found.0)
        times.1 = times.1 == .zero ? found.1 : min(times.1, found.1)
        if round > 0, ContinuousClock.now - start > .milliseconds(300) { return times }
      }
    }
    return times
  }
}

extension Model {
  /// The size of all constants in a file, in bytes.
  var constantBytes: Int {
    var bytes = 0
    var waiting = [graph]
    while let graph = waiting.popLast() {
      for initializer in graph.initializers { bytes += initializer.tensor.bytesInFile }
      for node in graph.nodes {
        waiting += node.subgraphs
        for attribute in node.attributes { bytes += attribute.tensorValue?.bytesInFile ?? 0 }
      }
    }
    return bytes
  }
}

extension Tensor {
  fileprivate var bytesInFile: Int {
    guard let bits = elementType.bitsInFile else { return 0 }
    return (count.multipliedReportingOverflow(by: bits).partialValue + 7) / 8
  }

  /// The elements of a common numeric type as `Double`; `nil` for other types.
  fileprivate var doubles: [Double]? {
    switch elementType {
    case .float32: elements(as: Float.self).map(Double.init)
    case .float64: Array(elements(as: Double.self))
    case .float16: elements(as: Float16.self).map(Double.init)
    case .bfloat16: elements(as: BFloat16.self).map { Double($0.float) }
    case .int64: elements(as: Int64.self).map(Double.init)
    case .int32: elements(as: Int32.self).map(Double.init)
    case .int8: elements(as: Int8.self).map(Double.init)
    case .uint8: elements(as: UInt8.self).map(Double.init)
    case .bool: bits(as: UInt8.self).map { $0 == 0 ? 0 : 1 }
    default: nil
    }
  }
}
