import Dispatch
import Foundation
import Hummingbird
import NIOCore

extension Response {
  /// A response with a JSON body.
  public init(status: HTTPResponse.Status = .ok, json: some Encodable) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    guard let data = try? encoder.encode(json) else {
      self.init(status: .internalServerError)
      return
    }
    self.init(
      status: status, headers: [.contentType: "application/json"],
      body: .init(byteBuffer: ByteBuffer(bytes: data)))
  }
}

/// The reading of large bodies: one at a time, on a thread of its own, so that it neither holds up other
/// requests nor takes the memory of several.
public enum Large {
  private static let queue = DispatchQueue(label: "onnx-serve.bodies")

  /// Reads a body, here if it is small.
  /// - Parameter size: the bytes of the body
  public static func read<R: Sendable>(
    _ size: Int, _ body: @escaping @Sendable () throws -> R
  ) async throws -> R {
    guard size > 1 << 15 else { return try body() }
    return try await withCheckedThrowingContinuation { continuation in
      queue.async { continuation.resume(with: Result(catching: body)) }
    }
  }
}

extension Request {
  /// The JSON body of a request.
  /// - Parameter limit: the most bytes
  /// - Throws: `ServingError` for a body that is too large or not of this form
  public func json<T: Decodable & Sendable>(
    _ type: T.Type, limit: Int = 1 << 20
  ) async throws -> T {
    let body = try await bytes(limit: limit)
    return try await Large.read(body.readableBytes) {
      do {
        return try JSONDecoder().decode(type, from: Data(body.readableBytesView))
      } catch let error as ServingError {
        throw error
      } catch {
        throw ServingError(.badRequest, Self.explanation(error))
      }
    }
  }

  /// The body of a request.
  /// - Throws: `ServingError` for one of more than `limit` bytes
  public func bytes(limit: Int) async throws -> ByteBuffer {
    if let length = headers[.contentLength].flatMap({ Int($0) }), length > limit {
      throw ServingError(.contentTooLarge, "the body has \(length) bytes, more than \(limit)")
    }
    do { return try await body.collect(upTo: limit) } catch is NIOTooManyBytesError {
      throw ServingError(.contentTooLarge, "the body has more than \(limit) bytes")
    }
  }

  private static func explanation(_ error: any Error) -> String {
    func path(_ context: DecodingError.Context) -> String {
      let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
        .joined(separator: ".")
      return path.isEmpty ? "the body" : "'\(path)'"
    }
    switch error {
    case DecodingError.keyNotFound(let key, let context):
      return "\(path(context)) lacks '\(key.stringValue)'"
    case DecodingError.typeMismatch(let type, let context):
      return "\(path(context)): expected \(type)"
    case DecodingError.valueNotFound(let type, let context):
      return "\(path(context)): expected \(type), found null"
    default: return "the body is not valid JSON of the expected form"
    }
  }
}
