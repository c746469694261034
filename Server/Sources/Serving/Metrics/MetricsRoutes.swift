import Hummingbird

extension InferenceServer {
  /// Adds `/metrics`.
  func addMetricsRoutes(to router: Router<ServeContext>) {
    router.get("metrics") { _, _ in
      let usage = processUsage()
      let text = metrics.factory.text(gauges: [
        PrometheusGauge(
          "onnx_serve_queue_length", by: "model",
          scheduler.waiting.sorted { $0.key < $1.key }.map { ($0.key, Double($0.value)) }),
        PrometheusGauge("onnx_serve_models", Double(repository.names.count)),
        PrometheusGauge("onnx_serve_texts", Double(texts.count)),
        PrometheusGauge("onnx_serve_connections", Double(clients.count)),
        PrometheusGauge("process_resident_memory_bytes", usage.memory),
        PrometheusGauge("process_cpu_seconds_total", type: "counter", usage.time),
      ])
      return Response(
        status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
        body: .init(byteBuffer: ByteBuffer(string: text)))
    }
  }
}
