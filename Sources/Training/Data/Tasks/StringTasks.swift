import ONNXFormat

/// A task for a decoder. The first tokens of its vocabulary are padding, start and end.
package protocol DecoderTask: BatchSource {
  var vocabulary: Vocabulary { get }
}

extension DecoderTask {
  /// The number of the token before a sequence.
  package var startNumber: Int { 1 }
  /// The number of the token after a sequence.
  package var endNumber: Int { 2 }

  /// The tensors of target sequences: `input`, the start token and the target, padded with 0, and
  /// `target`, the target and the end token, padded with `SequenceDataset.ignoreIndex`.
  func decoderTensors(_ targets: [[Int32]]) throws(DataError) -> [String: Tensor] {
    let (start, end) = (Int32(startNumber), Int32(endNumber))
    return [
      "input": try paddedRows(targets.map { [start] + $0 }, with: 0),
      "target": try paddedRows(targets.map { $0 + [end] }, with: SequenceDataset.ignoreIndex),
    ]
  }
}

/// Random strings to be translated. Every epoch has new strings.
///
/// A batch has the tensors
/// - `source`, int64 `[N, S]`, padded with 0, and `lengths`, int32 `[N]`,
/// - `input`, int64 `[N, T]`: the start token and the target, the input of the decoder,
/// - `target`, int64 `[N, T]`: the target and the end token, padded with `SequenceDataset.ignoreIndex`.
///
/// Sources and targets have the same vocabulary of characters.
package struct StringTask: DecoderTask {
  /// A kind of translation.
  package enum Kind: Sendable, Hashable {
    /// Reversed letters: `abcd` to `dcba`.
    case reversal(lengths: ClosedRange<Int>)
    /// Dates in several notations to `1998-03-07`.
    case date
  }

  package let vocabulary: Vocabulary
  package let batchCount: Int
  private let kind: Kind
  private let size: Int
  private let seed: UInt64

  /// - Parameters:
  ///   - size: The number of strings in a batch.
  ///   - batchCount: The number of batches per epoch.
  package init(_ kind: Kind, size: Int, batchCount: Int, seed: UInt64) throws(DataError) {
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

  /// The strings of a batch and their translations.
  package func pairs(epoch: Int, index: Int) -> [(source: String, target: String)] {
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

  package func batch(epoch: Int, index: Int) throws(DataError) -> Batch {
    let pairs = pairs(epoch: epoch, index: index)
    var sources: [[Int32]] = []
    var targets: [[Int32]] = []
    for pair in pairs {
      sources.append(try vocabulary.numbers(of: pair.source))
      targets.append(try vocabulary.numbers(of: pair.target))
    }
    let lengths = sources.map { Int32(clamping: $0.count) }
    var tensors = try decoderTensors(targets)
    tensors["source"] = try paddedRows(sources, with: 0)
    tensors["lengths"] = try Tensor(data: lengths, shape: [lengths.count])
    return Batch(tensors, count: sources.count)
  }
}

/// An int64 matrix of rows, padded to the longest.
private func paddedRows(_ rows: [[Int32]], with padding: Int) throws(DataError) -> Tensor {
  let columns = rows.map(\.count).max() ?? 0
  var elements: [Int64] = []
  elements.reserveCapacity(rows.count * columns)
  for row in rows {
    elements += row.lazy.map { Int64($0) }
    elements += repeatElement(Int64(padding), count: columns - row.count)
  }
  return try Tensor(data: elements, shape: [rows.count, columns])
}

/// A random day from 1900 to 2099.
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
