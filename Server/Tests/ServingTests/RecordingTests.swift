import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import Synchronization
import Testing

@testable import Serving

struct RecordingTests {
  /// The lines that a log handler wrote.
  private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }

    func logger(_ format: LineLogHandler.Format, level: Logger.Level = .debug) -> Logger {
      Logger(label: "test") { _ in
        var handler = LineLogHandler(format) { line in self.lines.withLock { $0.append(line) } }
        handler.logLevel = level
        return handler
      }
    }
  }

  private struct Line: Decodable {
    let level: String
    let message: String
    let id: String?
    let method: String?
    let path: String?
    let status: Int?
    let ms: Double?
    let model: String?
  }

  @Test func eachRequestHasALineAndAnIdentifier() async throws {
    let lines = Lines()
    let server = try InferenceServer(
      ServerOptions(folder: "../models"), logger: lines.logger(.json))
    let id = try #require(HTTPField.Name("X-Request-Id"))
    try await server.application(server.router()).test(.router) { client in
      for (given, expected) in [("a-1.b:c_d", "a-1.b:c_d"), ("no spaces", nil), ("", nil)] {
        let response = try await client.execute(
          uri: "/v2/health/live", method: .get, headers: [id: given])
        let returned = try #require(response.headers[id])
        if let expected { #expect(returned == expected) } else { #expect(returned != given) }
        let line = try #require(lines.all.last)
        let record = try JSONDecoder().decode(Line.self, from: Data(line.utf8))
        #expect(record.id == returned && record.method == "GET" && record.status == 200)
        #expect(record.path == "/v2/health/live" && record.level == "debug" && record.ms != nil)
      }
      let response = try await client.execute(
        uri: "/v2/models/char_rnn/generate", method: .post,
        body: ByteBuffer(string: #"{"text_input":7}"#))
      #expect(response.status == .badRequest)
      let record = try JSONDecoder().decode(Line.self, from: Data(lines.all.last?.utf8 ?? "".utf8))
      #expect(record.model == "char_rnn" && record.level == "info")
    }
  }

  @Test func controlCharactersAreEscaped() throws {
    let lines = Lines()
    let text = "a\nb\u{1B}[31m\u{202E}\"\\"
    lines.logger(.json).info("\(text)", metadata: ["key": "\(text)"])
    lines.logger(.text).info("\(text)", metadata: ["key": "\(text)"])
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(lines.all[0].utf8)) as? [String: String])
    #expect(object["message"] == text && object["key"] == text)
    for line in lines.all {
      #expect(line.unicodeScalars.dropLast().allSatisfy { $0.value >= 0x20 && $0 != "\u{202E}" })
    }
    #expect(lines.all[1].contains(#"key="a\u000ab\u001b[31m\u202e\"\\""#))
  }

  @Test func metricsCountRequestsByModelAndStatus() async throws {
    let server = try InferenceServer(
      ServerOptions(folder: "../models"), logger: Logger(label: "test"))
    try await server.application(server.router()).test(.router) { client in
      for body in [#"{"text_input":"A","parameters":{"max_tokens":3}}"#, "{}"] {
        _ = try await client.execute(
          uri: "/v2/models/char_rnn/generate", method: .post, body: ByteBuffer(string: body))
      }
      _ = try await client.execute(uri: "/v2/models/no\"such\n/generate", method: .post)
      let response = try await client.execute(uri: "/metrics", method: .get)
      #expect(response.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
      let text = String(buffer: response.body)
      #expect(
        count(#"onnx_serve_requests_total{model="char_rnn",status="2xx"}"#, text) == 1, "\(text)")
      #expect(count(#"onnx_serve_requests_total{model="char_rnn",status="4xx"}"#, text) == 1)
      #expect(count(#"onnx_serve_requests_total{model="",status="4xx"}"#, text) == 1)
      #expect(count(#"onnx_serve_tokens_total{model="char_rnn"}"#, text) == 3)
      #expect(count(#"onnx_serve_request_duration_seconds_count{model="char_rnn"}"#, text) == 2)
      #expect(count("onnx_serve_requests_active", text) == 1)
      #expect(count("process_resident_memory_bytes", text) > 1 << 20)
      #expect(!text.contains("such"))
    }
  }

  @Test func theNumberOfSeriesIsBounded() {
    let factory = PrometheusFactory()
    for number in 0..<10_100 {
      factory.makeCounter(label: "many.things", dimensions: [("n", "\(number)")]).increment(by: 1)
    }
    #expect(factory.text().split(separator: "\n").count == 10_001)
    #expect(factory.text().contains("many_things{n=\"7\"} 1\n"))
  }
}
