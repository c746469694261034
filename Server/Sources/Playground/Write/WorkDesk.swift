import Dispatch
import Serving
import Synchronization

/// Places for work that takes long, such as gates of a whole text or a heat map. It computes on threads of its own,
/// so that the threads of Swift's concurrency stay free.
final class WorkDesk: Sendable {
  private let places: Int
  private let kind: String
  private let taken = Mutex(0)

  /// - Parameter kind: what is worked on, for the error
  init(places: Int, kind: String = "texts") {
    self.places = places
    self.kind = kind
  }

  /// Takes a place, which is free again when nobody refers to it any more.
  /// - Throws: `ServingError` with status 429 if all are taken
  func enter() throws(ServingError) -> Place {
    let isFree = taken.withLock { taken in
      guard taken < places else { return false }
      taken += 1
      return true
    }
    guard isFree else {
      throw ServingError(.tooManyRequests, "\(places) \(kind) are being worked on; try again soon")
    }
    return Place(self)
  }

  /// A place at the desk.
  final class Place: Sendable {
    private let desk: WorkDesk
    private let isLeft = Mutex(false)

    fileprivate init(_ desk: WorkDesk) { self.desk = desk }

    deinit { leave() }

    /// Gives the place back.
    func leave() {
      let isFirst = isLeft.withLock { isLeft in
        defer { isLeft = true }
        return !isLeft
      }
      if isFirst { desk.taken.withLock { $0 -= 1 } }
    }

    /// Computes on a thread of its own.
    func run<Result: Sendable>(
      _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
      try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { [self] in
          continuation.resume(with: Swift.Result { try work() })
          withExtendedLifetime(self) {}
        }
      }
    }
  }
}
