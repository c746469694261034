import Foundation
import Metrics
import Synchronization

/// The metrics of a server. Their labels are names of loaded models and classes of status codes, nothing
/// that a client chooses.
public final class ServerMetrics: Sendable {
  private struct Key: Hashable {
    let model: String
    let status: Int
  }

  private struct Requests {
    let counter: Counter
    let duration: Metrics.Timer
  }

  /// Keeps the metrics.
  public let factory = PrometheusFactory(help: [
    "onnx_serve_requests_total": "Requests that were answered, by model and class of status.",
    "onnx_serve_request_duration_seconds": "Time from a request's head to its answer.",
    "onnx_serve_requests_active": "Requests that are being answered.",
    "onnx_serve_queue_duration_seconds": "Time that requests waited for a thread.",
    "onnx_serve_run_duration_seconds": "Time of a run of a model.",
    "onnx_serve_batch_size": "Samples in a run of a model.",
    "onnx_serve_tokens_total": "Tokens that a language model wrote.",
    "onnx_serve_queue_length": "Requests that wait for a model.",
    "onnx_serve_models": "Models that are loaded.",
    "onnx_serve_texts": "Texts whose state is kept.",
    "onnx_serve_connections": "Connections that are open.",
    "process_resident_memory_bytes": "Resident memory of the process.",
    "process_cpu_seconds_total": "Processor time of the process.",
  ])
  /// Requests that are being answered.
  let active: Meter
  private let models = Mutex<[String: ModelMetrics]>([:])
  private let requests = Mutex<[Key: Requests]>([:])

  /// Creates metrics that count nothing yet.
  public init() { active = Meter(label: "onnx_serve_requests_active", factory: factory) }

  /// The metrics of a loaded model.
  func model(_ name: String) -> ModelMetrics {
    models.withLock { models in
      if let known = models[name] { return known }
      let new = ModelMetrics(name, factory)
      models[name] = new
      return new
    }
  }

  /// Counts a request.
  /// - Parameter model: the loaded model that it asked to run
  func count(_ model: String?, status: Int, _ duration: Duration) {
    let key = Key(model: model ?? "", status: status / 100)
    let requests = requests.withLock { requests in
      if let known = requests[key] { return known }
      let new = Requests(
        counter: Counter(
          label: "onnx_serve_requests_total",
          dimensions: [("model", key.model), ("status", "\(key.status)xx")], factory: factory),
        duration: seconds("onnx_serve_request_duration_seconds", key.model, factory))
      requests[key] = new
      return new
    }
    requests.counter.increment()
    requests.duration.record(duration: duration)
  }
}

/// The metrics of a model.
struct ModelMetrics: Sendable {
  let wait: Metrics.Timer
  let run: Metrics.Timer
  let batch: Recorder
  let tokens: Counter

  fileprivate init(_ name: String, _ factory: PrometheusFactory) {
    wait = seconds("onnx_serve_queue_duration_seconds", name, factory)
    run = seconds("onnx_serve_run_duration_seconds", name, factory)
    let labels = [("model", name)]
    batch = Recorder(label: "onnx_serve_batch_size", dimensions: labels, factory: factory)
    tokens = Counter(label: "onnx_serve_tokens_total", dimensions: labels, factory: factory)
  }
}

private func seconds(
  _ label: String, _ model: String, _ factory: PrometheusFactory
) -> Metrics.Timer {
  Metrics.Timer(
    label: label, dimensions: [("model", model)], preferredDisplayUnit: .seconds, factory: factory)
}

/// Resident memory and processor time of the process, in bytes and seconds.
func processUsage() -> (memory: Double, time: Double) {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
  let pages =
    (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?
    .split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0
  return (
    pages * Double(sysconf(Int32(_SC_PAGESIZE))), seconds(usage.ru_utime) + seconds(usage.ru_stime)
  )
}
