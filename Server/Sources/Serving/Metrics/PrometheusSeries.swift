import CoreMetrics
import Synchronization

/// A metric with its labels.
protocol PrometheusSeries: AnyObject, Sendable {
  /// Writes its samples, a line each.
  func write(_ name: String, _ labels: String, to text: inout String)
}

/// Writes a sample: `name{labels} value`.
func writeSample(_ name: String, _ labels: String, _ value: Double, to text: inout String) {
  text += labels.isEmpty ? name : "\(name){\(labels)}"
  switch value {
  case .infinity: text += " +Inf\n"
  case -.infinity: text += " -Inf\n"
  case _ where value.isNaN: text += " NaN\n"
  case _ where value == value.rounded() && abs(value) < 1e15: text += " \(Int(value))\n"
  default: text += " \(value)\n"
  }
}

/// A counter or a gauge.
final class PrometheusNumber: PrometheusSeries, CounterHandler, MeterHandler, RecorderHandler {
  private let value = Mutex(0.0)

  func increment(by amount: Int64) { value.withLock { $0 += Double(amount) } }
  func increment(by amount: Double) { value.withLock { $0 += amount } }
  func decrement(by amount: Double) { value.withLock { $0 -= amount } }
  func set(_ new: Int64) { value.withLock { $0 = Double(new) } }
  func set(_ new: Double) { value.withLock { $0 = new } }
  func record(_ new: Int64) { set(new) }
  func record(_ new: Double) { set(new) }
  func reset() { set(0.0) }

  func write(_ name: String, _ labels: String, to text: inout String) {
    writeSample(name, labels, value.withLock { $0 }, to: &text)
  }
}

/// A histogram with fixed upper bounds.
final class PrometheusHistogram: PrometheusSeries, RecorderHandler, TimerHandler {
  private struct Counts {
    /// One for each bound, and the values above all of them.
    var buckets: [Int]
    var sum = 0.0
  }

  private let bounds: [Double]
  private let counts: Mutex<Counts>

  init(_ bounds: [Double]) {
    self.bounds = bounds
    counts = Mutex(Counts(buckets: [Int](repeating: 0, count: bounds.count + 1)))
  }

  func record(_ value: Int64) { record(Double(value)) }
  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

  func record(_ value: Double) {
    let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
    counts.withLock { counts in
      counts.buckets[bucket] += 1
      counts.sum += value
    }
  }

  func write(_ name: String, _ labels: String, to text: inout String) {
    let counts = counts.withLock { $0 }
    let prefix = labels.isEmpty ? "" : labels + ","
    var total = 0
    for (bound, count) in zip(bounds, counts.buckets) {
      total += count
      writeSample("\(name)_bucket", "\(prefix)le=\"\(bound)\"", Double(total), to: &text)
    }
    total += counts.buckets.last ?? 0
    writeSample("\(name)_bucket", "\(prefix)le=\"+Inf\"", Double(total), to: &text)
    writeSample("\(name)_sum", labels, counts.sum, to: &text)
    writeSample("\(name)_count", labels, Double(total), to: &text)
  }
}
