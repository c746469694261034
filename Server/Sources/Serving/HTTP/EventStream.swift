import Foundation
import Hummingbird

/// Writes server-sent events: a line of JSON each.
public struct EventWriter: ~Copyable {
  private var writer: any ResponseBodyWriter
  /// The end of the server, where the stream ends with it.
  private let lifetime: Lifetime?

  fileprivate init(_ writer: any ResponseBodyWriter, _ lifetime: Lifetime?) {
    self.writer = writer
    self.lifetime = lifetime
  }

  /// Sends an event.
  /// - Throws: an error once the client has gone away, or the server is stopping
  public mutating func send(_ name: String? = nil, _ value: some Encodable) async throws {
    if let lifetime, lifetime.isStopping { throw ServingError.stopping }
    try await write(name, value)
  }

  fileprivate mutating func write(_ name: String?, _ value: some Encodable) async throws {
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
  ///
  /// When the server stops, the last event of the stream is an error that says so.
  /// - Parameters:
  ///   - endsWithServer: whether the stream ends at its next event once the server is stopping
  ///   - body: sends the events; the response ends when it returns
  public static func events(
    endsWithServer: Bool = true,
    _ body: @escaping @Sendable (inout EventWriter) async throws -> Void
  ) -> Response {
    Response(
      status: .ok,
      headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
      body: ResponseBody { writer in
        let lifetime = RequestRecord.current?.lifetime
        var events = EventWriter(writer, endsWithServer ? lifetime : nil)
        do {
          try await body(&events)
        } catch let error as ServingError where lifetime?.isStopping == true {
          try await events.write(nil, ["error": error.description])
        }
        try await writer.finish(nil)
      })
  }
}
