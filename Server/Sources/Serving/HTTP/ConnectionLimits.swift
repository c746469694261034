import Synchronization

/// The limits of a connection, and the bytes that all connections hold.
final class ConnectionLimits: Sendable {
  /// The longest that a request's body may take to arrive, and that a response may wait for its
  /// client to read.
  let transferTimeout: Duration
  /// The longest that a connection stays open after the server has been asked to stop.
  let stopTimeout: Duration
  /// The longest that a connection stays open after its last response, for the client to read it.
  let lingerTimeout = Duration.seconds(2)
  /// The most bytes of a request's body.
  let maxBody: Int
  private let maxBodies: Int
  private let held = Atomic<Int>(0)

  init(_ options: ServerOptions) {
    transferTimeout = options.transferTimeout
    stopTimeout = options.stopTimeout
    maxBody = options.maxBody
    maxBodies = options.maxBodies
  }

  /// The bytes of the bodies of all requests that are not answered yet.
  var bytesHeld: Int { held.load(ordering: .relaxed) }

  /// Counts a part of a body.
  /// - Throws: `ServingError` where there is no room for it
  func hold(_ bytes: Int) throws(ServingError) {
    let total = held.wrappingAdd(bytes, ordering: .relaxed).newValue
    guard total > maxBodies else { return }
    release(bytes)
    throw ServingError(
      .serviceUnavailable,
      "the bodies of the requests that are being answered have more than \(maxBodies) bytes")
  }

  /// Counts the end of a request.
  func release(_ bytes: Int) { held.wrappingSubtract(bytes, ordering: .relaxed) }
}
