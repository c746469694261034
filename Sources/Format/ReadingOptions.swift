/// How a file is read.
public struct ReadingOptions: Sendable {
  public var limits = ReadingLimits()
  /// External data may lie behind a symbolic link that leaves the model's folder.
  public var allowsLinksOutside = false
  /// External data may lie in a file that has other names (hard links) elsewhere.
  public var allowsHardLinks = false

  /// Threads that read large tensors.
  public var threads = 1

  public init() {}
}

/// How much a file may ask for. A valid model of the ordinary kind stays far below.
public struct ReadingLimits: Sendable {
  /// Messages within messages, as protobuf's own readers count them.
  public var nesting = 100
  /// Dimensions of a tensor.
  public var rank = 64
  /// Bytes of memory; `nil` for `baseMemory` and four times the size of the files.
  public var memory: Int?
  public static let baseMemory = 44 << 20
  static let memoryPerFileByte = 4
  /// Bytes that the arrays of an `.npz` file may take once they are decompressed.
  public var inflatedSize = 4 << 30

  public init() {}

  package func memoryLimit(fileSize: Int) -> Int {
    if let memory { return memory }
    let (scaled, overflow) = fileSize.multipliedReportingOverflow(by: Self.memoryPerFileByte)
    let (sum, carry) = scaled.addingReportingOverflow(Self.baseMemory)
    return overflow || carry ? Int.max : sum
  }
}

/// Counts the memory that a file asks for.
package struct MemoryBudget {
  private(set) var limit: Int
  private(set) var used = 0

  package init(limit: Int) { self.limit = limit }

  var remaining: Int { limit - used }

  var exceeded: FormatError {
    FormatError(
      .limit("needs more than \(limit) bytes of memory to read; an option raises this limit"))
  }

  /// - Throws: `FormatError.Reason.limit`
  package mutating func take(_ bytes: Int) throws(FormatError) {
    guard bytes >= 0, bytes <= remaining else { throw exceeded }
    used += bytes
  }

  /// Another file is read too.
  package mutating func raiseLimit(fileSize: Int) {
    let (bytes, overflow) = fileSize.multipliedReportingOverflow(
      by: ReadingLimits.memoryPerFileByte)
    let (sum, carry) = limit.addingReportingOverflow(bytes)
    limit = overflow || carry ? Int.max : sum
  }
}
