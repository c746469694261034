import Serving
import Synchronization

/// Refuses work beyond a number of requests at once.
final class Gate: Sendable {
  private let limit: Int
  private let count = Mutex(0)

  init(_ limit: Int) { self.limit = limit }

  /// Does the work of a request.
  /// - Throws: `ServingError` with status 429 when as many others as the limit are at work
  func pass<T: Sendable>(_ work: () async throws -> T) async throws -> T {
    let isOpen = count.withLock { count in
      guard count < limit else { return false }
      count += 1
      return true
    }
    guard isOpen else {
      throw ServingError(.tooManyRequests, "\(limit) drawings are being computed; try again")
    }
    defer { count.withLock { $0 -= 1 } }
    return try await work()
  }
}
