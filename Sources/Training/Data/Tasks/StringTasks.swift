import ONNXFormat

/// Strings to be written as other strings, made up as they are needed: every epoch has new ones.
///
/// A batch holds
/// - `source`, int64 `[N, S]`, 0 (padding) behind a string's end, and `lengths`, int32 `[N]`,
/// - `input`, int64 `[N, T]`: the start mark and the target, what a decoder is shown,
/// - `target`, int64 `[N, T]`: the target and the end mark, `SequenceDataset.ignoreIndex` behind.
///
/// One vocabulary of characters serves both sides; its first tokens are padding, start and end.
public struct StringTask: BatchSource {
  public enum Kind: Sendable, Hashable {
    /// Letters in reverse order: `abcd` becomes `dcba`.
    case reversal(lengths: ClosedRange<Int>)
    /// Dates as people write them become `1998-03-07`.
    case date
  }

  public let vocabulary: Vocabulary
  public let batchCount: Int
  private let kind: Kind
  private let size: Int
  private let seed: UInt64

  /// - Parameters:
  ///   - size: strings in a batch
  ///   - batchCount: batches in an epoch
  public init(_ kind: Kind, size: Int, batchCount: Int, seed: UInt64) throws(DataError) {
    precondition(size > 0 && batchCount > 0)
    if case .reversal(let lengths) = kind { precondition(lengths.lowerBound > 0) }
    self.kind = kind
    self.size = size
    self.batchCount = batchCount
    self.seed = seed
    let characters: String =
      switch kind {
      case .reversal: "abcdefghijklmnopqrstuvwxyz"
      case .date: WrittenDate.characters
      }
    vocabulary = try Vocabulary(
      charactersOf: characters, special: [Vocabulary.padding, Vocabulary.start, Vocabulary.end])
  }

  /// The number of the token that begins what a decoder writes.
  public var startNumber: Int { 1 }
  /// The number of the token that ends it.
  public var endNumber: Int { 2 }

  /// The strings of a batch and what they become.
  public func pairs(epoch: Int, index: Int) -> [(source: String, target: String)] {
    var random = RandomStream(seed: seed, UInt64(epoch), UInt64(index))
    return (0..<size).map { _ in pair(&random) }
  }

  private func pair(_ random: inout RandomStream) -> (source: String, target: String) {
    switch kind {
    case .reversal(let lengths):
      let length = lengths.lowerBound + random.integer(below: lengths.count)
      let letters = (0..<length).map { _ in
        Character(Unicode.Scalar(UInt8(97 + random.integer(below: 26))))
      }
      return (String(letters), String(letters.reversed()))
    case .date: return WrittenDate(&random).pair(&random)
    }
  }

  public func batch(epoch: Int, index: Int) throws -> Batch {
    let pairs = pairs(epoch: epoch, index: index)
    let sources = try pairs.map { try vocabulary.numbers(of: $0.source) }
    let targets = try pairs.map { try vocabulary.numbers(of: $0.target) }
    return try seq2seqBatch(
      sources, targets, start: Int32(startNumber), end: Int32(endNumber))
  }
}

/// Sources, decoder inputs and targets, padded.
private func seq2seqBatch(
  _ sources: [[Int32]], _ targets: [[Int32]], start: Int32, end: Int32
) throws(DataError) -> Batch {
  let lengths = sources.map { Int32(clamping: $0.count) }
  var tensors = try decoderTensors(targets, start: start, end: end)
  tensors["source"] = try paddedRows(sources, with: 0)
  tensors["lengths"] = try Tensor(data: lengths, shape: [lengths.count])
  return Batch(tensors, count: sources.count)
}

/// `input`, the start mark and the target, and `target`, the target and the end mark.
func decoderTensors(
  _ targets: [[Int32]], start: Int32, end: Int32
) throws(DataError) -> [String: Tensor] {
  [
    "input": try paddedRows(targets.map { [start] + $0 }, with: 0),
    "target": try paddedRows(targets.map { $0 + [end] }, with: SequenceDataset.ignoreIndex),
  ]
}

/// Rows of int64, all as long as the longest.
func paddedRows(_ rows: [[Int32]], with padding: Int) throws(DataError) -> Tensor {
  let columns = rows.map(\.count).max() ?? 0
  var elements: [Int64] = []
  elements.reserveCapacity(rows.count * columns)
  for row in rows {
    elements += row.lazy.map { Int64($0) }
    elements += repeatElement(Int64(padding), count: columns - row.count)
  }
  return try Tensor(data: elements, shape: [rows.count, columns])
}

/// A day between 1900 and 2099.
private struct WrittenDate {
  let year: Int
  let month: Int
  let day: Int

  static let months = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
  ]
  static let characters = "0123456789 -/,." + months.joined()

  init(_ random: inout RandomStream) {
    year = 1900 + random.integer(below: 200)
    month = 1 + random.integer(below: 12)
    let isLeap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0
    let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    day = 1 + random.integer(below: days[month - 1])
  }

  private func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

  func pair(_ random: inout RandomStream) -> (source: String, target: String) {
    let name = Self.months[month - 1]
    let source: String =
      switch random.integer(below: 6) {
      case 0: "\(day) \(name) \(year)"
      case 1: "\(name) \(day), \(year)"
      case 2: "\(day). \(name) \(year)"
      case 3: "\(name.prefix(3)) \(day), \(year)"
      case 4: "\(day) \(name.prefix(3)) \(year)"
      default: "\(month)/\(day)/\(year)"
      }
    return (source, "\(year)-\(two(month))-\(two(day))")
  }
}
