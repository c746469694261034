import COpenMPI
import Glibc
import ONNXSupport
import ONNXTraining
import Synchronization

/// The processes that `mpirun` of Open MPI has started, on one host or several.
///
/// The library is loaded when the first communicator is created. A process has one communicator, which
/// it closes at the end. When a rank dies, the others end with status 2 and one of them says so.
public final class OpenMPICommunicator: Communicator {
  /// The number of this process, from 0.
  public let rank: Int
  /// The number of processes.
  public let size: Int
  private let watch: RankWatch
  /// Guards the calls of the library, of which one may run at a time.
  private let lock = Mutex(())

  /// Joins the processes that `mpirun` has started.
  /// - Parameters:
  ///   - tool: The name of the program, with which error messages begin.
  ///   - advice: What to do when a rank has died, with which that message ends.
  /// - Throws: `TrainingError.rank` if Open MPI is not installed, the process was not started by
  ///   `mpirun`, or the processes cannot reach each other.
  public init(tool: String, advice: String) throws(TrainingError) {
    if let problem = cm_open() { throw .rank(String(cString: problem)) }
    guard
      ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK"].contains(where: { (name: String) in getenv(name) != nil
      })
    else {
      throw .rank(
        "the process is the only rank, as it was not started by mpirun: expected "
          + "'mpirun --quiet -n 2 \(tool) …' with the number of processes after -n")
    }
    // A rank that crashes is reported once, by another; Open MPI would print its stack.
    setenv("OMPI_MCA_opal_signal", "", 0)
    // Between hosts, buckets go at once: with the handshake of large messages, whose replies wait behind
    // the data of the other direction, only one direction would send at a time.
    setenv("OMPI_MCA_btl_tcp_eager_limit", "4194304", 0)
    var rank: Int32 = 0
    var size: Int32 = 0
    let code = cm_start(&rank, &size)
    guard code == 0 else { throw .openMPI(code) }
    self.rank = Int(rank)
    self.size = Int(size)
    watch = RankWatch(rank: self.rank, size: self.size, tool: tool, advice: advice)
    var addresses: [UInt8] = []
    if rank == 0 { addresses = try watch.listen() }
    try watch.connect(gather(addresses)[0])
  }

  /// Sends a part of a buffer to each rank and receives one from each.
  public func startExchange(
    _ send: UnsafeRawBufferPointer, sendCounts: [Int],
    into receive: UnsafeMutableRawBufferPointer, receiveCounts: [Int], tag: Int
  ) throws(TrainingError) -> any Transfer {
    try start(send, sendCounts, into: receive, receiveCounts, tag: tag + Self.gatherTags)
  }

  /// Sends the same part to each rank and receives one from each.
  public func startGather(
    _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer,
    receiveCounts: [Int], tag: Int
  ) throws(TrainingError) -> any Transfer {
    try start(send, nil, into: receive, receiveCounts, tag: tag + Self.gatherTags)
  }

  /// Collects bytes of each rank.
  public func gather(_ bytes: [UInt8]) throws(TrainingError) -> [[UInt8]] {
    let sizes = try gather(
      withUnsafeBytes(of: bytes.count) { Array($0) },
      counts: Array(repeating: MemoryLayout<Int>.size, count: size), tag: 0)
    let counts = sizes.map { $0.withUnsafeBytes { $0.loadUnaligned(as: Int.self) } }
    return try gather(bytes, counts: counts, tag: 1)
  }

  /// Ends the processes of all ranks with status 2.
  public func abort(_ message: String) -> Never { watch.abort(message) }

  /// Waits for all ranks and ends the communication.
  public func close() throws(TrainingError) {
    _ = try gather([])
    watch.close()
    try call { cm_finish() }
  }

  // MARK: Messages

  /// The tags that `gather` uses.
  private static let gatherTags = 2

  private func gather(
    _ bytes: [UInt8], counts: [Int], tag: Int
  ) throws(TrainingError) -> [[UInt8]] {
    let received = UnsafeMutableRawBufferPointer.allocate(
      byteCount: counts.reduce(0, +), alignment: 8)
    defer { received.deallocate() }
    let sent = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
    defer { sent.deallocate() }
    sent.copyBytes(from: bytes)
    try start(UnsafeRawBufferPointer(sent), nil, into: received, counts, tag: tag).wait()
    var rest = received[...]
    return counts.map { count in
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
  }

  /// Starts the messages to and from all other ranks, and copies this rank's part.
  /// - Parameter sendCounts: The sizes of parts; `nil` to send all bytes to each rank.
  private func start(
    _ send: UnsafeRawBufferPointer, _ sendCounts: [Int]?,
    into receive: UnsafeMutableRawBufferPointer, _ receiveCounts: [Int], tag: Int
  ) throws(TrainingError) -> MessageTransfer {
    let transfer = MessageTransfer(self)
    var place = 0
    for (other, count) in receiveCounts.enumerated() {
      let part = UnsafeMutableRawBufferPointer(rebasing: receive[place..<place + count])
      place += count
      guard other != rank else { continue }
      for piece in Self.pieces(UnsafeRawBufferPointer(part)) {
        try add(to: transfer) { request in
          cm_receive(
            UnsafeMutableRawPointer(mutating: piece.start), piece.count, Int32(other), Int32(tag),
            request)
        }
      }
    }
    let own = receiveCounts[..<rank].reduce(0, +)
    place = 0
    for other in 0..<size {
      let count = sendCounts?[other] ?? send.count
      let part = UnsafeRawBufferPointer(rebasing: send[place..<place + count])
      if sendCounts != nil { place += count }
      if other == rank {
        if let start = part.baseAddress, let target = receive.baseAddress, start != target + own {
          memmove(target + own, start, count)
        }
        continue
      }
      for piece in Self.pieces(part) {
        try add(to: transfer) { request in
          cm_send(piece.start, piece.count, Int32(other), Int32(tag), request)
        }
      }
    }
    return transfer
  }

  private static func pieces(
    _ bytes: UnsafeRawBufferPointer
  ) -> [(start: UnsafeRawPointer, count: Int32)] {
    guard let start = bytes.baseAddress else { return [] }
    let longest = cm_longest_message
    return stride(from: 0, to: bytes.count, by: longest).map {
      (start + $0, Int32(min(longest, bytes.count - $0)))
    }
  }

  private func add(
    to transfer: MessageTransfer, _ start: (UnsafeMutablePointer<cm_request?>) -> Int32
  ) throws(TrainingError) {
    var request: cm_request?
    try call { start(&request) }
    transfer.requests.append(request)
  }

  fileprivate func call(_ body: () -> Int32) throws(TrainingError) {
    let code = lock.withLock { _ in body() }
    guard code == 0 else { throw .openMPI(code) }
  }
}

/// Messages of one transfer.
private final class MessageTransfer: Transfer {
  private let communicator: OpenMPICommunicator
  fileprivate var requests: [cm_request?] = []

  init(_ communicator: OpenMPICommunicator) { self.communicator = communicator }

  func advance() throws(TrainingError) -> Bool {
    guard !requests.isEmpty else { return true }
    var areComplete = false
    try communicator.call { cm_test(Int32(requests.count), &requests, &areComplete) }
    if areComplete { requests.removeAll() }
    return areComplete
  }

  func wait() throws(TrainingError) { try Pause.until(advance) }
}

extension TrainingError {
  fileprivate static func openMPI(_ code: Int32) -> TrainingError {
    var text = [CChar](repeating: 0, count: 300)
    cm_describe(code, &text, text.count)
    let reason = text.withUnsafeBufferPointer { text in
      String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    return .rank("the ranks cannot exchange data: Open MPI reports \(reason)")
  }
}
