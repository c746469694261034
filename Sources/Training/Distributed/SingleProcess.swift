import Glibc
import ONNXSupport

/// A communicator of one process, which is rank 0.
public final class SingleProcess: Communicator {
  /// Creates a communicator.
  public init() {}

  /// 0.
  public var rank: Int { 0 }
  /// 1.
  public var size: Int { 1 }

  /// Copies the buffer.
  public func startExchange(
    _ send: UnsafeRawBufferPointer, sendCounts: [Int],
    into receive: UnsafeMutableRawBufferPointer, receiveCounts: [Int], tag: Int
  ) -> any Transfer {
    receive.copyMemory(from: send)
    return Complete()
  }

  /// Copies the buffer.
  public func startGather(
    _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer,
    receiveCounts: [Int], tag: Int
  ) -> any Transfer {
    receive.copyMemory(from: send)
    return Complete()
  }

  /// Returns the bytes.
  public func gather(_ bytes: [UInt8]) -> [[UInt8]] { [bytes] }

  /// Prints the message to standard error and ends the process with status 2.
  public func abort(_ message: String) -> Never {
    writeError(message + "\n")
    exit(2)
  }

  /// Does nothing.
  public func close() {}

  private final class Complete: Transfer {
    func advance() -> Bool { true }
    func wait() {}
  }
}
