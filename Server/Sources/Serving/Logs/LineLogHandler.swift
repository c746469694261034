import Foundation
import Logging

/// Writes log events to standard error, a line each. Control characters are escaped.
public struct LineLogHandler: LogHandler {
  /// The form of a line.
  public enum Format: String, Sendable, CaseIterable {
    /// An object with `time`, `level`, `message` and the metadata.
    case json
    /// The time, the level, the message, and `KEY=VALUE` for the metadata.
    case text
  }

  /// The key of a request's identifier in metadata. Lines have it as `id`.
  static let idKey = "hb.request.id"

  /// The least level that is logged.
  public var logLevel = Logger.Level.info
  /// The metadata of all events.
  public var metadata: Logger.Metadata = [:]
  private let format: Format
  private let write: @Sendable (String) -> Void

  /// Creates a handler.
  /// - Parameter write: takes a line with its end; `nil` writes it to standard error
  public init(_ format: Format, write: (@Sendable (String) -> Void)? = nil) {
    self.format = format
    self.write = write ?? writeToStandardError
  }

  /// The metadata of a key.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes an event.
  public func log(event: LogEvent) {
    var fields = metadata.merging(event.metadata ?? [:]) { $1 }
    if let error = event.error { fields["error"] = "\(error)" }
    if fields[Self.idKey] == nil, let record = RequestRecord.current {
      fields[Self.idKey] = .string(record.id)
    }
    let sorted = fields.map { ($0 == Self.idKey ? "id" : $0, $1) }.sorted { $0.0 < $1.0 }
    let time = Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    switch format {
    case .json:
      let head = [
        ("time", quoted(time)), ("level", quoted("\(event.level)")),
        ("message", quoted(event.message.description)),
      ]
      let members = (head + sorted.map { ($0, json($1)) }).map { "\(quoted($0)):\($1)" }
      write("{\(members.joined(separator: ","))}\n")
    case .text:
      let members = sorted.map { "\(escaped($0))=\(plain($1))" }
      write(
        ([time, "\(event.level)", escaped(event.message.description)] + members)
          .joined(separator: " ") + "\n")
    }
  }

  private func plain(_ value: Logger.MetadataValue) -> String {
    let text = "\(value)"
    return text.isEmpty || text.contains(where: { $0 == " " || $0 == "\"" })
      ? quoted(text) : escaped(text)
  }

  private func json(_ value: Logger.MetadataValue) -> String {
    switch value {
    case .string(let text): quoted(text)
    case .stringConvertible(let number as Int): "\(number)"
    case .stringConvertible(let number as Double) where number.isFinite: "\(number)"
    case .stringConvertible(let other): quoted(other.description)
    case .array(let values): "[\(values.map(json).joined(separator: ","))]"
    case .dictionary(let members):
      "{"
        + members.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(json($0.value))" }
        .joined(separator: ",") + "}"
    }
  }

  private func quoted(_ text: String) -> String {
    "\""
      + escaped(
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")) + "\""
  }

  /// The text without characters that move the cursor, begin a line or change the direction of writing.
  private func escaped(_ text: String) -> String {
    if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator:
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

/// Lines of several threads do not mix: each is one call.
private func writeToStandardError(_ line: String) {
  var line = line
  line.withUTF8 { bytes in
    var rest = UnsafeRawBufferPointer(bytes)
    while !rest.isEmpty {
      let count = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
      guard count > 0 else { return }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
    }
  }
}
