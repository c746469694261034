import HTTPTypes

/// A request that cannot be answered: the status of the response, and one sentence for its `error`.
public struct ServingError: Error, Sendable, CustomStringConvertible {
  /// The status of the response.
  public let status: HTTPResponse.Status
  /// The reason, in one sentence.
  public let description: String
  /// The seconds after which the client may try again.
  public let retryAfter: Int?

  /// Creates an error.
  public init(_ status: HTTPResponse.Status, _ description: String, retryAfter: Int? = nil) {
    self.status = status
    self.description = description
    self.retryAfter = retryAfter
  }
}
