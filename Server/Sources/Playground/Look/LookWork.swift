import Dispatch
import HTTPTypes
import Serving
import Synchronization

/// Computes for the page Look on threads of its own, a few at a time.
final class LookWork: Sendable {
  private static let most = 4
  private let running = Mutex(0)

  /// Computes a value without blocking the threads that answer requests.
  /// - Throws: `ServingError` with status 429 where as much is under way as may be
  func perform<T: Sendable>(
    _ body: @escaping @Sendable () throws -> T
  ) async throws -> T {
    let isFree = running.withLock { count in
      guard count < Self.most else { return false }
      count += 1
      return true
    }
    guard isFree else {
      throw ServingError(
        .tooManyRequests, "\(Self.most) other models are being looked at: try again")
    }
    defer { running.withLock { $0 -= 1 } }
    return try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(with: Result { try body() })
      }
    }
  }
}
