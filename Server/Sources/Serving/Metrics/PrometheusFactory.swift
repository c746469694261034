import CoreMetrics
import Synchronization

/// Keeps metrics for Prometheus and writes them in its text format, version 0.0.4.
///
/// Timers are histograms of seconds, recorders that aggregate are histograms of sizes. The number of
/// series is bounded; further ones are counted nowhere.
public final class PrometheusFactory: MetricsFactory {
  private struct Family {
    let type: String
    var series: [String: any PrometheusSeries] = [:]
  }

  private static let maxSeries = 10_000
  private static let secondBuckets = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    30,
  ]
  private static let sizeBuckets: [Double] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

  private let help: [String: String]
  private let families = Mutex<[String: Family]>([:])

  /// Creates a factory.
  /// - Parameter help: a sentence about each metric, by name
  public init(help: [String: String] = [:]) { self.help = help }

  /// A counter. Its name should end with `_total`.
  public func makeCounter(label: String, dimensions: [(String, String)]) -> CounterHandler {
    series(label, dimensions, type: "counter") { PrometheusNumber() }
  }

  /// A gauge.
  public func makeMeter(label: String, dimensions: [(String, String)]) -> MeterHandler {
    series(label, dimensions, type: "gauge") { PrometheusNumber() }
  }

  /// A histogram of sizes, or a gauge of the last value.
  public func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> RecorderHandler {
    guard aggregate else { return series(label, dimensions, type: "gauge") { PrometheusNumber() } }
    return series(label, dimensions, type: "histogram") { PrometheusHistogram(Self.sizeBuckets) }
  }

  /// A histogram of seconds.
  public func makeTimer(label: String, dimensions: [(String, String)]) -> TimerHandler {
    series(label, dimensions, type: "histogram") { PrometheusHistogram(Self.secondBuckets) }
  }

  /// Forgets a counter.
  public func destroyCounter(_ handler: CounterHandler) { remove(handler) }
  /// Forgets a gauge.
  public func destroyMeter(_ handler: MeterHandler) { remove(handler) }
  /// Forgets a recorder.
  public func destroyRecorder(_ handler: RecorderHandler) { remove(handler) }
  /// Forgets a timer.
  public func destroyTimer(_ handler: TimerHandler) { remove(handler) }

  private func series<S: PrometheusSeries>(
    _ label: String, _ dimensions: [(String, String)], type: String, _ make: () -> S
  ) -> S {
    let name = Self.name(label)
    let labels = Self.labels(dimensions)
    return families.withLock { families in
      if let known = families[name]?.series[labels] as? S { return known }
      let new = make()
      let count = families.values.reduce(0) { $0 + $1.series.count }
      if count < Self.maxSeries, families[name, default: Family(type: type)].type == type {
        families[name, default: Family(type: type)].series[labels] = new
      }
      return new
    }
  }

  private func remove(_ handler: AnyObject) {
    families.withLock { families in
      for (name, var family) in families {
        family.series = family.series.filter { $0.value !== handler }
        families[name] = family
      }
    }
  }

  /// All metrics as text.
  /// - Parameter gauges: values of this moment
  public func text(gauges: [PrometheusGauge] = []) -> String {
    let families = families.withLock { $0 }
    var text = ""
    func describe(_ name: String, _ type: String) {
      if let help = help[name] { text += "# HELP \(name) \(help)\n" }
      text += "# TYPE \(name) \(type)\n"
    }
    for (name, family) in families.sorted(by: { $0.key < $1.key }) where !family.series.isEmpty {
      describe(name, family.type)
      for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
        series.write(name, labels, to: &text)
      }
    }
    for gauge in gauges where families[gauge.name] == nil {
      describe(gauge.name, gauge.type)
      for (dimensions, value) in gauge.values {
        writeSample(gauge.name, Self.labels(dimensions), value, to: &text)
      }
    }
    return text
  }

  /// The label as the name of a metric: letters, digits, `_` and `:`.
  private static func name(_ label: String) -> String {
    let name = String(
      label.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ":") ? $0 : "_" })
    return name.first?.isNumber ?? true ? "_" + name : name
  }

  private static func labels(_ dimensions: [(String, String)]) -> String {
    dimensions.map { name, value in
      let escaped = value.map { character in
        switch character {
        case "\\": "\\\\"
        case "\"": "\\\""
        case "\n": "\\n"
        default: String(character)
        }
      }
      return "\(self.name(name).replacing(":", with: "_"))=\"\(escaped.joined())\""
    }.joined(separator: ",")
  }
}

/// Values of a moment, which nobody keeps.
public struct PrometheusGauge {
  let name: String
  var type = "gauge"
  let values: [(dimensions: [(String, String)], value: Double)]

  init(_ name: String, type: String = "gauge", _ value: Double) {
    self.name = name
    self.type = type
    values = [([], value)]
  }

  init(_ name: String, by label: String, _ values: [(String, Double)]) {
    self.name = name
    self.values = values.map { ([(label, $0.0)], $0.1) }
  }
}
