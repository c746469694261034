import Glibc
import ONNX
import ONNXSupport
import TestThreads

/// Calls `body` for each rank, each on a thread of its own, and waits for all.
/// - Parameter delays: A seed of random delays, by which transfers end in any order. Without it, a
///   transfer ends as soon as all ranks have started it.
/// - Returns: the results by rank
/// - Throws: the error of the first rank that failed
public func withRanks<R: Sendable>(
  _ size: Int, delays: UInt64? = nil,
  _ body: @escaping @Sendable (any Communicator) throws -> R
) throws -> [R] {
  try resultsOfRanks(size, delays: delays, body).map { try $0.get() }
}

/// Calls `body` for each rank, as `withRanks`, and returns the errors too. When a rank fails, the calls
/// of others that it does not answer throw `TrainingError.rank`.
public func resultsOfRanks<R: Sendable>(
  _ size: Int, delays: UInt64? = nil,
  _ body: @escaping @Sendable (any Communicator) throws -> R
) -> [Result<R, any Error>] {
  let post = Post(size: size)
  let results = Results<R>(size: size)
  withThreads(size) { rank in
    let result = Result {
      try body(ThreadRank(rank, post, delays: delays.map { $0 + UInt64(rank) }))
    }
    if case .failure = result { post.end(rank) }
    results.set(rank, result)
  }
  return results.all
}

private final class Results<R: Sendable>: @unchecked Sendable {
  private let monitor = Monitor()
  private var values: [Result<R, any Error>?]

  init(size: Int) { values = Array(repeating: nil, count: size) }

  func set(_ rank: Int, _ result: Result<R, any Error>) { monitor.locked { values[rank] = result } }

  var all: [Result<R, any Error>] { monitor.locked { values.compactMap(\.self) } }
}

/// The messages that have been sent and not received.
private final class Post: @unchecked Sendable {
  struct Line: Hashable {
    let from: Int
    let to: Int
    let tag: Int
  }

  let size: Int
  private let monitor = Monitor()
  private var messages: [Line: [[UInt8]]] = [:]
  private var ended: Int?

  init(size: Int) { self.size = size }

  /// Sends messages at once: nobody has one while another rank waits for its own.
  func send(_ parts: [[UInt8]], from rank: Int, tag: Int) {
    monitor.locked {
      for (to, bytes) in parts.enumerated() {
        messages[Line(from: rank, to: to, tag: tag), default: []].append(bytes)
      }
    }
  }

  /// Takes a message from each line, if all are there.
  func receive(_ lines: [Line]) throws(TrainingError) -> [[UInt8]]? {
    try monitor.locked { () throws(TrainingError) in
      guard lines.allSatisfy({ messages[$0]?.isEmpty == false }) else {
        if let ended { throw .rank("rank \(ended) has ended") }
        return nil
      }
      return lines.map { messages[$0, default: []].removeFirst() }
    }
  }

  func end(_ rank: Int) { monitor.locked { if ended == nil { ended = rank } } }
}

/// A rank that is a thread.
private final class ThreadRank: Communicator, @unchecked Sendable {
  private typealias Line = Post.Line

  let rank: Int
  private let post: Post
  private var random: RandomStream?

  init(_ rank: Int, _ post: Post, delays: UInt64?) {
    self.rank = rank
    self.post = post
    random = delays.map { RandomStream(seed: $0) }
  }

  var size: Int { post.size }

  func startExchange(
    _ send: UnsafeRawBufferPointer, sendCounts: [Int],
    into receive: UnsafeMutableRawBufferPointer, receiveCounts: [Int], tag: Int
  ) -> any Transfer {
    var start = 0
    let parts = sendCounts.map { count in
      defer { start += count }
      return Array(send[start..<start + count])
    }
    post.send(parts, from: rank, tag: tag)
    precondition(start == send.count, "the parts are not the whole")
    return Arrival(of: self, receive, receiveCounts, tag: tag)
  }

  func startGather(
    _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer,
    receiveCounts: [Int], tag: Int
  ) -> any Transfer {
    post.send(Array(repeating: Array(send), count: size), from: rank, tag: tag)
    return Arrival(of: self, receive, receiveCounts, tag: tag)
  }

  func gather(_ bytes: [UInt8]) throws(TrainingError) -> [[UInt8]] {
    post.send(Array(repeating: bytes, count: size), from: rank, tag: -1)
    while true {
      if let all = try receive(tag: -1) { return all }
      sched_yield()
    }
  }

  func abort(_ message: String) -> Never { fatalError("rank \(rank): \(message)") }

  func close() throws(TrainingError) { _ = try gather([]) }

  private func receive(tag: Int) throws(TrainingError) -> [[UInt8]]? {
    try post.receive((0..<size).map { Line(from: $0, to: rank, tag: tag) })
  }

  private final class Arrival: Transfer {
    private let rank: ThreadRank
    private let target: UnsafeMutableRawBufferPointer
    private let counts: [Int]
    private let tag: Int

    init(of rank: ThreadRank, _ target: UnsafeMutableRawBufferPointer, _ counts: [Int], tag: Int) {
      self.rank = rank
      self.target = target
      self.counts = counts
      self.tag = tag
    }

    func advance() throws(TrainingError) -> Bool {
      if rank.random?.integer(below: 3) == 0 { return false }
      guard let parts = try rank.receive(tag: tag) else { return false }
      precondition(parts.map(\.count) == counts, "the parts have other sizes than expected")
      target.copyBytes(from: parts.joined())
      return true
    }

    func wait() throws(TrainingError) { while try !advance() { sched_yield() } }
  }
}
