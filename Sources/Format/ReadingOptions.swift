/// Options for reading a file.
public struct ReadingOptions: Sendable {
  /// Limits on what a file may demand.
  public var limits = ReadingLimits()
  /// Allows external data behind a symbolic link that leads out of the model's folder. The default is
  /// `false`.
  public var allowsLinksOutside = false
  /// Allows external data in a file with several hard links. The default is `false`.
  public var allowsHardLinks = false
  /// The number of threads that read large tensors. The default is 1.
  public var threads = 1

  /// The default options.
  public init() {}
}

/// Limits on what a file may demand of its reader. Ordinary models stay far below the defaults.
public struct ReadingLimits: Sendable {
  /// The depth of messages within messages. The default is 100, as in protobuf's own readers.
  public var nesting = 100
  /// The number of dimensions of a tensor. The default is 64.
  public var rank = 64
  /// Bytes of memory. The default, `nil`, allows 44 MiB and four times the size of the files.
  public var memory: Int?
  static let baseMemory = 44 << 20
  static let memoryPerFileByte = 4
  /// Bytes of the decompressed arrays of an `.npz` file. The default is 4 GiB.
  public var inflatedSize = 4 << 30

  /// The default limits.
  public init() {}

  /// The limit in bytes for files of that total size.
  package func memoryLimit(fileSize: Int) -> Int {
    if let memory { return memory }
    let (scaled, overflow) = fileSize.multipliedReportingOverflow(by: Self.memoryPerFileByte)
    let (sum, carry) = scaled.addingReportingOverflow(Self.baseMemory)
    return overflow || carry ? Int.max : sum
  }
}

/// Counts the memory that a file demands, up to a limit.
package struct MemoryBudget {
  private(set) var limit: Int
  private(set) var used = 0

  package init(limit: Int) { self.limit = limit }

  /// Bytes that are left.
  var remaining: Int { limit - used }

  /// The error for a file that demands more.
  var exceeded: FormatError {
    FormatError(
      .limit(
        "reading it takes more than \(limit) bytes of memory; raise the limit in ReadingOptions to allow it"
      ))
  }

  /// Takes `bytes` from what is left.
  /// - Throws: `FormatError.Reason.limit` if they are not left.
  package mutating func take(_ bytes: Int) throws(FormatError) {
    guard bytes >= 0, bytes <= remaining else { throw exceeded }
    used += bytes
  }

  /// Raises the limit for another file of that size.
  package mutating func raiseLimit(fileSize: Int) {
    let (bytes, overflow) = fileSize.multipliedReportingOverflow(
      by: ReadingLimits.memoryPerFileByte)
    let (sum, carry) = limit.addingReportingOverflow(bytes)
    limit = overflow || carry ? Int.max : sum
  }
}
