import ONNXFormat

/// A text as numbers of a vocabulary, its end kept for validation.
public struct TextCorpus: Sendable {
  public let vocabulary: Vocabulary
  public let train: [Int32]
  public let validation: [Int32]

  /// Reads a text file, UTF-8 or Latin-1, gzipped or not.
  /// - Parameters:
  ///   - vocabulary: `nil` for that of the text itself
  ///   - minimumCount: how often a word must stand in the text to be in a vocabulary made from it
  ///   - validationShare: how much of the text's end is kept for validation
  /// - Throws: `DataError` where the text is too short, or has what the vocabulary lacks.
  public init(
    contentsOf path: String, unit: Vocabulary.Unit = .character, vocabulary: Vocabulary? = nil,
    minimumCount: Int = 1, validationShare: Double = 0.1
  ) throws(DataError) {
    do throws(DataError) {
      try self.init(
        readTextData(path), unit: unit, vocabulary: vocabulary, minimumCount: minimumCount,
        validationShare: validationShare)
    } catch { throw error.path == nil ? DataError(error.problem, in: path) : error }
  }

  /// Takes a text that is in memory.
  public init(
    _ text: String, unit: Vocabulary.Unit = .character, vocabulary: Vocabulary? = nil,
    minimumCount: Int = 1, validationShare: Double = 0.1
  ) throws(DataError) {
    guard (0..<1).contains(validationShare) else {
      throw DataError("expected a share for validation from 0 to below 1, got \(validationShare)")
    }
    let numbers: [Int32]
    switch vocabulary?.unit ?? unit {
    case .character:
      if let vocabulary {
        self.vocabulary = vocabulary
      } else {
        self.vocabulary = try Vocabulary(charactersOf: text)
      }
      numbers = try self.vocabulary.numbers(of: text)
    case .word:
      let words = words(in: text)
      if let vocabulary {
        self.vocabulary = vocabulary
      } else {
        self.vocabulary = try Vocabulary(
          wordsOf: [words], special: minimumCount > 1 ? [Vocabulary.unknown] : [],
          minimumCount: minimumCount)
      }
      numbers = try self.vocabulary.numbers(of: words)
    }
    guard numbers.count >= 2 else {
      throw DataError("expected a text of at least 2 tokens, found \(numbers.count)")
    }
    // An error of rounding must not move the split: 0.9 · 10 is 9.
    let split = Int((Double(numbers.count) * (1 - validationShare) + 1e-6).rounded(.down))
    train = Array(numbers[..<split])
    validation = Array(numbers[split...])
  }
}

/// A text cut into parallel streams, each read on window by window, for truncated backpropagation
/// through time: row `n` of a batch goes on where row `n` of the one before ended.
///
/// Batches hold `tokens` and `targets`, int64 `[N, T]`; the target of a token is the one behind it.
/// States begin at zero with the first batch of an epoch, and only there.
public struct TokenStreams: BatchSource {
  private let tokens: [Int32]
  private let streams: Int
  private let window: Int
  /// Tokens that a stream reads.
  private let length: Int
  public let batchCount: Int

  /// - Parameters:
  ///   - streams: rows of a batch
  ///   - window: tokens of a row
  ///   - dropsRest: whether a last smaller window is left out
  /// - Throws: `DataError` where the text is too short for that many streams.
  public init(
    _ tokens: [Int32], streams: Int, window: Int, dropsRest: Bool = false
  ) throws(DataError) {
    guard streams > 0, window > 0 else {
      throw DataError("expected at least one stream and token, got \(streams) and \(window)")
    }
    length = (tokens.count - 1) / streams
    guard !tokens.isEmpty, length >= (dropsRest ? window : 1) else {
      throw DataError(
        "expected more than \(streams) x \(dropsRest ? window : 1) tokens for \(streams) streams, "
          + "found \(tokens.count)")
    }
    batchCount = dropsRest || length % window == 0 ? length / window : length / window + 1
    self.tokens = tokens
    self.streams = streams
    self.window = window
  }

  public func batch(epoch: Int, index: Int) throws -> Batch {
    precondition((0..<batchCount).contains(index), "no batch \(index)")
    let start = index * window
    let count = min(window, length - start)
    func part(from offset: Int) throws(TensorError) -> Tensor {
      try Tensor(Int64.self, shape: [streams, count]) { target in
        for row in 0..<streams {
          for column in 0..<count {
            target[row * count + column] = Int64(tokens[row * length + start + offset + column])
          }
        }
      }
    }
    return Batch(
      ["tokens": try part(from: 0), "targets": try part(from: 1)], count: streams * count,
      startsState: index == 0)
  }
}
