import Dispatch
import Foundation
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
  /// How long a connection without requests stays open after the server has been asked to stop.
  let stopDelay = Duration.milliseconds(100)
  /// The most bytes of a request's body.
  let maxBody: Int
  private let maxBodies: Int
  private let held = Atomic<Int>(0)
  private let crowd = Mutex(Crowd())

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
      "the bodies of the requests that are being answered have more than \(maxBodies) bytes",
      retryAfter: 1)
  }

  /// Counts the end of a request.
  func release(_ bytes: Int) { held.wrappingSubtract(bytes, ordering: .relaxed) }

  /// Counts a connection.
  /// - Returns: the connections that are open
  @discardableResult
  func connectionOpened() -> Int { crowd.withLock { $0.open() } }

  /// Counts the end of a connection. After that of a crowd, memory goes back to the system.
  func connectionClosed() {
    guard crowd.withLock({ $0.close() }) else { return }
    DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + 3) { releaseMemory() }
  }
}

/// The number of connections, and whether there were many more.
private struct Crowd {
  private var count = 0
  private var most = 0

  mutating func open() -> Int {
    count += 1
    most = max(most, count)
    return count
  }

  /// - Returns: whether most of a crowd has gone
  mutating func close() -> Bool {
    count -= 1
    guard most > 256, count <= most / 8 else { return false }
    most = count
    return true
  }
}

/// Gives unused memory back to the system. The allocator of glibc keeps it otherwise.
private func releaseMemory() {
  #if canImport(Glibc)
    // Swift's module of glibc lacks malloc.h.
    typealias Trim = @convention(c) (Int) -> CInt
    if let address = dlsym(nil, "malloc_trim") { _ = unsafeBitCast(address, to: Trim.self)(0) }
  #endif
}
