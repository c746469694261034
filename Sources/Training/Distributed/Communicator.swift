/// The processes that train one model together, each a rank.
///
/// All ranks make the same calls, from one thread each at a time. Transfers with the same tag start in
/// the same order on all ranks; those with different tags may start in any order. A call that other ranks
/// do not answer because one of them has ended throws `TrainingError.rank`.
public protocol Communicator: AnyObject, Sendable {
  /// The number of this process, from 0.
  var rank: Int { get }
  /// The number of processes.
  var size: Int { get }

  /// Sends a part of a buffer to each rank and receives one from each, in the order of the ranks.
  /// Both buffers must stay in place until the transfer is complete.
  /// - Parameters:
  ///   - send: The parts for the ranks.
  ///   - receive: Where the parts of the ranks go.
  ///   - sendCounts: The bytes for each rank, one part after the other.
  ///   - receiveCounts: The bytes from each rank.
  ///   - tag: The number of the transfer, the same on all ranks.
  func startExchange(
    _ send: UnsafeRawBufferPointer, sendCounts: [Int],
    into receive: UnsafeMutableRawBufferPointer, receiveCounts: [Int], tag: Int
  ) throws(TrainingError) -> any Transfer

  /// Sends the same part to each rank and receives one from each, in the order of the ranks. The part may
  /// be this rank's place in the buffer for the results.
  func startGather(
    _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer,
    receiveCounts: [Int], tag: Int
  ) throws(TrainingError) -> any Transfer

  /// Collects bytes of each rank; their number may differ from rank to rank.
  /// - Returns: The bytes by rank, on every rank.
  func gather(_ bytes: [UInt8]) throws(TrainingError) -> [[UInt8]]

  /// Ends the processes of all ranks after an error of this one, with status 2. If several ranks fail, one
  /// message is printed.
  /// - Parameter message: The error, in one line, which goes to standard error.
  func abort(_ message: String) -> Never

  /// Waits for all ranks and ends the communication, as the last call of a run without errors.
  func close() throws(TrainingError)
}

/// A transfer between ranks that goes on while the caller computes.
public protocol Transfer: AnyObject {
  /// Moves the transfer on, without waiting.
  /// - Returns: Whether it is complete.
  func advance() throws(TrainingError) -> Bool
  /// Waits until it is complete.
  func wait() throws(TrainingError)
}
