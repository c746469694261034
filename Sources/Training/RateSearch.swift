import ONNXFormat
import RealModule

/// The losses of steps whose learning rate grows from one to the next by the same factor (Smith, 2015).
public struct RateSearch: Sendable {
  /// A step.
  public struct Point: Sendable {
    /// The learning rate.
    public var rate: Double
    /// The loss before the step.
    public var loss: Double
    /// The exponential moving average of the losses so far.
    public var smoothed: Double
  }

  /// The steps, by rising rate.
  public private(set) var points: [Point] = []
  private var sum = 0.0
  private static let decay = 0.9

  /// The rate at which the loss falls fastest over the logarithm of the rate, before the smoothed loss
  /// is least; `nil` if it never falls. The slope at a step is the least-squares line through the
  /// losses of a seventh of all steps around it.
  public var suggestion: Double? {
    let reach = max(2, points.count / 14)
    guard points.count > 2 * reach,
      let end = points.indices.min(by: { points[$0].smoothed < points[$1].smoothed })
    else { return nil }
    var best: (slope: Double, index: Int)?
    for index in reach..<(points.count - reach) where index <= end {
      var slope = 0.0
      for offset in -reach...reach { slope += Double(offset) * points[index + offset].loss }
      if slope < best?.slope ?? 0 { best = (slope, index) }
    }
    return best.map { points[$0.index].rate }
  }

  /// Adds a step.
  mutating func add(rate: Double, loss: Double) {
    sum = Self.decay * sum + (1 - Self.decay) * loss
    let weight = 1 - Double.pow(Self.decay, points.count + 1)
    points.append(Point(rate: rate, loss: loss, smoothed: sum / weight))
  }

  /// Whether the smoothed loss has risen to four times its least value.
  var diverges: Bool {
    guard let last = points.last?.smoothed, let least = points.map(\.smoothed).min() else {
      return false
    }
    return last > least + 3 * Swift.abs(least)
  }
}

extension Trainer {
  /// Trains for a few steps with growing learning rates, records the losses, and restores the
  /// parameters and the optimiser's states.
  ///
  /// The search ends early if the loss grows to four times its least value, or is infinite or NaN.
  /// - Parameters:
  ///   - batches: The batches to train on.
  ///   - least: The rate of the first step.
  ///   - greatest: The rate of the last step.
  ///   - steps: The number of steps.
  ///   - observe: Called after every step; the search ends if it returns `false`.
  /// - Throws: `TrainingError.model` if the range is empty or there are fewer than 10 steps or no
  ///   batches, other errors as for one batch, and errors of the source.
  public func findLearningRate(
    _ batches: any BatchSource, from least: Double = 1e-6, to greatest: Double = 1,
    steps: Int = 100, _ observe: (RateSearch.Point) -> Bool = { _ in true }
  ) throws -> RateSearch {
    guard least > 0, greatest > least, greatest.isFinite, steps >= 10 else {
      throw TrainingError.model(
        "expected rates from more than 0 to a larger one and at least 10 steps, "
          + "got \(least) to \(greatest) in \(steps)")
    }
    guard batches.batchCount > 0 else { throw TrainingError.model("there are no batches") }
    let before = (tensors: state.tensors, states: step.localStates, count: batchCount)
    defer {
      for name in state.tensors.keys { state[name] = before.tensors[name] }
      step.setStates(before.tensors.merging(before.states) { $1 })
      wantsEnd = false
      batchCount = before.count
    }
    batchCount = 0
    var search = RateSearch()
    for step in 0..<steps {
      let share = Double(step) / Double(steps - 1)
      let rate = least * Double.pow(greatest / least, share)
      var result = StepResult()
      do {
        for part in 0..<options.accumulation {
          let index = step * options.accumulation + part
          let (epoch, place) = index.quotientAndRemainder(dividingBy: batches.batchCount)
          result.add(try train(on: batches.batch(epoch: epoch, index: place), rate: rate))
        }
      } catch TrainingError.notFinite { break }
      search.add(rate: rate, loss: result.loss)
      guard let point = search.points.last, !search.diverges else { break }
      if !observe(point) { wantsEnd = true }
      if ends { break }
    }
    return search
  }
}
