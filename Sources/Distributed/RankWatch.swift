import Glibc
import ONNXFormat
import ONNXSupport
import ONNXTraining
import Synchronization

/// Notices when a rank dies, and ends the others with one message.
///
/// Every rank holds a TCP connection to rank 0, on which a thread waits. A connection that breaks before
/// its rank has said goodbye, or is silent for too long, means that the rank has died. Rank 0 prints
/// the message and tells the others to end; if rank 0 itself dies, rank 1 prints it.
final class RankWatch: Sendable {
  /// The first byte of what is sent.
  private enum Signal {
    static let alive = UInt8(ascii: ".")
    static let goodbye = UInt8(ascii: "g")
    /// From rank 0: end without a message.
    static let end = UInt8(ascii: "e")
    /// To rank 0: an error, of which the text follows until the connection is closed.
    static let failure = UInt8(ascii: "f")
  }

  /// Silence after which a rank counts as dead, in seconds.
  private static let patience = 20
  private static let longestMessage = 16_000

  private let rank: Int
  private let size: Int
  private let tool: String
  /// What to do when a rank has died, in words.
  private let advice: String
  private let listener = Mutex<Socket?>(nil)
  private let token = Mutex<[UInt8]>([])
  private let peers = Mutex<[Int: Peer]>([:])
  private let isEnding = Mutex(false)

  private struct Peer: Sendable {
    let socket: Socket
    var silence = 0
    var message: [UInt8]?
  }

  init(rank: Int, size: Int, tool: String, advice: String) {
    self.rank = rank
    self.size = size
    self.tool = tool
    self.advice = advice
  }

  // MARK: Connections

  /// Opens a port of rank 0.
  /// - Returns: a secret, the port, and the addresses of this host, for `connect`
  func listen() throws(TrainingError) -> [UInt8] {
    guard size > 1 else { return [] }
    // Ranks of one host need no other address than the loopback.
    let isOneHost =
      getenv("OMPI_COMM_WORLD_LOCAL_SIZE").flatMap { Int(String(cString: $0)) } == size
    let addresses = isOneHost ? [Socket.loopback] : Socket.addresses()
    guard let socket = Socket(), let port = socket.listen(size, isOneHost ? addresses[0] : nil)
    else {
      throw .rank("rank 0 cannot open a port for the other ranks: \(errnoText())")
    }
    listener.withLock { $0 = socket }
    var random = SystemRandomNumberGenerator()
    let secret = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
    token.withLock { $0 = secret }
    return secret + [UInt8(port >> 8), UInt8(port & 255)] + addresses.flatMap(\.self)
  }

  /// Connects this rank with rank 0, and starts to watch.
  /// - Parameter addresses: what `listen` has returned on rank 0
  func connect(_ addresses: [UInt8]) throws(TrainingError) {
    guard size > 1 else { return }
    if rank == 0 { try acceptAll() } else { try connectToFirst(addresses) }
    delayTermination()
    do throws(ThreadError) { try WorkThread { self.run() }.detach() } catch {
      throw .rank(error.description)
    }
  }

  private func acceptAll() throws(TrainingError) {
    guard let listener = listener.withLock({ $0 }) else { return }
    let secret = token.withLock { $0 }
    let deadline = ContinuousClock.now + .seconds(Self.patience)
    var missing = Set(1..<size)
    while let first = missing.min() {
      guard ContinuousClock.now < deadline else {
        throw .rank("rank \(first) cannot connect to rank 0 over TCP within \(Self.patience) s")
      }
      guard let socket = listener.accept(), let hello = socket.receive(exactly: secret.count + 4),
        Array(hello.prefix(secret.count)) == secret
      else { continue }
      let other = hello.suffix(4).reduce(0) { $0 << 8 | Int($1) }
      guard missing.remove(other) != nil, socket.send([Signal.alive]) else { continue }
      peers.withLock { $0[other] = Peer(socket: socket) }
    }
    self.listener.withLock { $0 = nil }
  }

  private func connectToFirst(_ addresses: [UInt8]) throws(TrainingError) {
    let secret = Array(addresses.prefix(16))
    let number = (0..<4).reversed().map { UInt8(truncatingIfNeeded: rank >> (8 * $0)) }
    let rest = Array(addresses.dropFirst(16))
    let port = rest.count < 2 ? 0 : UInt16(rest[0]) << 8 | UInt16(rest[1])
    for start in stride(from: 2, to: rest.count - 3, by: 4) {
      guard let socket = Socket(), socket.connect(Array(rest[start..<start + 4]), port),
        socket.send(secret + number), socket.receive(exactly: 1) == [Signal.alive]
      else { continue }
      peers.withLock { $0[0] = Peer(socket: socket) }
      return
    }
    throw .rank("rank \(rank) cannot connect to rank 0 over TCP at any address of its host")
  }

  /// When a rank dies, mpirun terminates the others. They shall say why first.
  private func delayTermination() {
    var action = sigaction()
    guard sigaction(SIGTERM, nil, &action) == 0, action.__sigaction_handler.sa_handler == nil else {
      return
    }
    signal(SIGTERM) { _ in
      usleep(500_000)
      _exit(143)
    }
  }

  // MARK: Watching

  private func run() {
    var seconds = ContinuousClock.now
    while true {
      let all = peers.withLock { $0 }
      if all.isEmpty { return }
      let ranks = all.keys.sorted()
      var descriptors = ranks.compactMap { all[$0] }.map {
        pollfd(fd: $0.socket.descriptor, events: Int16(POLLIN), revents: 0)
      }
      poll(&descriptors, nfds_t(descriptors.count), 500)
      for (other, descriptor) in zip(ranks, descriptors) where descriptor.revents != 0 {
        read(from: other)
      }
      if ContinuousClock.now - seconds >= .seconds(1) {
        seconds = .now
        tick()
      }
    }
  }

  private func tick() {
    let silent = peers.withLock { peers in
      for other in peers.keys {
        _ = peers[other]?.socket.send([Signal.alive])
        peers[other]?.silence += 1
      }
      return peers.first { $0.value.silence > Self.patience }?.key
    }
    if let silent { lost(silent, "does not answer") }
  }

  private func read(from other: Int) {
    guard let socket = peers.withLock({ $0[other]?.socket }) else { return }
    let bytes = socket.receive()
    guard let bytes, !bytes.isEmpty else {
      if let message = peers.withLock({ $0[other]?.message }) {
        end(String(decoding: message, as: UTF8.self))
      }
      return lost(other, "has ended")
    }
    let isFailure = peers.withLock { peers in
      peers[other]?.silence = 0
      let message = peers[other]?.message
      guard let start = message == nil ? bytes.firstIndex(of: Signal.failure).map({ $0 + 1 }) : 0
      else { return false }
      peers[other]?.message = Array(
        ((message ?? []) + bytes[start...]).prefix(Self.longestMessage))
      return true
    }
    if isFailure { return }
    if bytes.contains(Signal.end) { _exit(2) }
    if bytes.contains(Signal.goodbye) { peers.withLock { $0[other] = nil } }
  }

  private func lost(_ other: Int, _ what: String) {
    guard rank == 0 || rank == 1 else {
      // Rank 1 says it, in time.
      usleep(300_000)
      _exit(2)
    }
    end("\(tool): rank \(other) \(what), so all ranks end; \(advice)")
  }

  // MARK: Ending

  /// Says goodbye, so that the connections may be closed.
  func close() {
    let all = peers.withLock { peers in
      defer { peers = [:] }
      return peers
    }
    for peer in all.values {
      _ = peer.socket.send([Signal.goodbye])
      // It must stay open until the other rank has read that.
      _ = Unmanaged.passRetained(peer.socket)
    }
  }

  /// Ends all ranks with a message, unless they are ending with another one.
  func abort(_ message: String) -> Never {
    if rank != 0, let first = peers.withLock({ $0[0]?.socket }) {
      let text = Array(message.utf8.prefix(Self.longestMessage))
      if first.send([Signal.failure] + text) {
        first.finishSending()
        // Rank 0 prints it, and lets this rank end.
        sleep(5)
      }
    }
    end(message)
  }

  private func end(_ message: String) -> Never {
    let isFirst = isEnding.withLock { isEnding in
      defer { isEnding = true }
      return !isEnding
    }
    guard isFirst else {
      // Another thread ends the process.
      while true { sleep(1) }
    }
    writeError(message + "\n")
    for peer in peers.withLock({ $0.values }) { _ = peer.socket.send([Signal.end]) }
    usleep(100_000)
    _exit(2)
  }
}
