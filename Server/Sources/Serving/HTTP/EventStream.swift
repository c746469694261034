import Foundation
import Hummingbird

/// Writes server-sent events: a line of JSON each.
public struct EventWriter: ~Copyable {
  private var writer: any ResponseBodyWriter

  fileprivate init(_ writer: any ResponseBodyWriter) { self.writer = writer }

  /// Sends an event.
  /// - Throws: an error once the client has gone away
  public mutating func send(_ name: String? = nil, _ value: some Encodable) async throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    var buffer = ByteBuffer()
    if let name { buffer.writeString("event: \(name)\n") }
    buffer.writeString("data: ")
    buffer.writeBytes(try encoder.encode(value))
    buffer.writeString("\n\n")
    try await writer.write(buffer)
  }
}

extension Response {
  /// A response of server-sent events.
  /// - Parameter body: sends the events; the response ends when it returns
  public static func events(
    _ body: @escaping @Sendable (inout EventWriter) async throws -> Void
  ) -> Response {
    Response(
      status: .ok,
      headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
      body: ResponseBody { writer in
        var events = EventWriter(writer)
        try await body(&events)
        try await writer.finish(nil)
      })
  }
}
