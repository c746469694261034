/// Options for reading a file.
public struct ReadingOptions: Sendable {
  /// Limits on what a file may demand.
  public var limits = ReadingLimits()
  /// Allows external data behind a symbolic link that leads out of the model's folder, and out of the
  /// folder of the file that the model's path leads to. The default is `false`.
  public var allowsLinksOutside = false
  /// Allows external data in a file with several hard links. The default is `false`.
  public var allowsHardLinks = false
  /// The folder of external data. The default, `nil`, is the folder of the model's path, or of the
  /// file that it leads to; a model read from memory then cannot have external data.
  public var externalFolder: String? {
    get { externalFolders.first }
    set { externalFolders = newValue.map { [$0] } ?? [] }
  }
  /// The folders of external data in the order of the search; none for those of the model's file.
  package var externalFolders: [String] = []
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

  /// Bytes that `memory` does not exceed, however large the files are.
  package var mostMemory = Int.max

  /// The default limits.
  public init() {}

  /// The default limits, and in no case more than that many bytes of memory.
  package init(mostMemory: Int) {
    self.mostMemory = mostMemory
    inflatedSize = min(inflatedSize, mostMemory)
  }

  /// The limit in bytes for files of that total size.
  package func memoryLimit(fileSize: Int) -> Int {
    if let memory { return min(memory, mostMemory) }
    let (scaled, overflow) = fileSize.multipliedReportingOverflow(by: Self.memoryPerFileByte)
    let (sum, carry) = scaled.addingReportingOverflow(Self.baseMemory)
    return min(overflow || carry ? Int.max : sum, mostMemory)
  }
}

/// Counts the memory that a file demands, up to a limit.
package struct MemoryBudget {
  private(set) var limit: Int
  private(set) var used = 0
  /// The limit that `raiseLimit` does not exceed.
  private let most: Int

  package init(limit: Int, most: Int = .max) {
    self.limit = limit
    self.most = most
  }

  /// Bytes that are left.
  var remaining: Int { limit - used }

  /// The error for a file that demands more.
  var exceeded: FormatError {
    FormatError(
      .limit(
        "reading it takes more than \(limit) bytes of memory; ReadingOptions.limits or --max-memory "
          + "raise the limit"
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
    limit = min(overflow || carry ? Int.max : sum, most)
  }
}
