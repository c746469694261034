import ONNXFormat

/// A text as token numbers, divided into a training part and a validation part at its end.
public struct TextCorpus: Sendable {
  /// The vocabulary.
  public let vocabulary: Vocabulary
  /// The tokens to train on.
  public let train: [Int32]
  /// The tokens for validation.
  public let validation: [Int32]

  /// Reads a text file, UTF-8 or Latin-1, gzipped or not.
  /// - Parameters:
  ///   - unit: The kind of tokens if there is no vocabulary.
  ///   - vocabulary: The vocabulary; `nil` to make one of the text.
  ///   - minimumCount: The number of occurrences that a word needs to be in a vocabulary made of the
  ///     text.
  ///   - validationShare: The fraction of the text, at its end, that is kept for validation.
  /// - Throws: `DataError` if the text has fewer than 2 tokens, or a token that is not in the
  ///   vocabulary.
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

  /// Divides a text into tokens.
  /// - Throws: `DataError` if the text has fewer than 2 tokens, or a token that is not in the
  ///   vocabulary.
  public init(
    _ text: String, unit: Vocabulary.Unit = .character, vocabulary: Vocabulary? = nil,
    minimumCount: Int = 1, validationShare: Double = 0.1
  ) throws(DataError) {
    guard (0..<1).contains(validationShare) else {
      throw DataError(
        "expected a validation share of at least 0 and less than 1, got \(validationShare)")
    }
    guard !text.isEmpty else { throw DataError("the text is empty") }
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
    // 1e-6 makes up for rounding: 0.9 · 10 is 9.
    let split = Int((Double(numbers.count) * (1 - validationShare) + 1e-6).rounded(.down))
    train = Array(numbers[..<split])
    validation = Array(numbers[split...])
  }
}

/// A text divided into parallel streams that are read window by window, for truncated backpropagation
/// through time. Row `n` of a batch continues row `n` of the previous batch.
///
/// Batches have the tensors `tokens` and `targets`, int64 `[N, T]`. The target of a token is the next
/// token. The first batch of an epoch, and only that, resets the states to zero.
public struct TokenStreams: BatchSource {
  private let tokens: [Int32]
  private let streams: Int
  private let window: Int
  /// The number of tokens per stream.
  private let length: Int
  /// The number of batches per epoch.
  public let batchCount: Int

  /// Divides tokens into streams.
  /// - Parameters:
  ///   - streams: The number of streams, which are the rows of a batch.
  ///   - window: The number of tokens of a stream in a batch.
  ///   - dropsRest: Whether to leave out a shorter last window.
  /// - Throws: `DataError` if there are too few tokens for that many streams.
  public init(
    _ tokens: [Int32], streams: Int, window: Int, dropsRest: Bool = false
  ) throws(DataError) {
    guard streams > 0, window > 0 else {
      throw DataError(
        "expected at least 1 stream and 1 token per window, got \(streams) and \(window)")
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

  /// Makes a batch. All epochs are alike.
  /// - Throws: `DataError` if memory runs out.
  public func batch(epoch: Int, index: Int) throws(DataError) -> Batch {
    precondition((0..<batchCount).contains(index), "no batch \(index)")
    let start = index * window
    let count = min(window, length - start)
    func part(from offset: Int) throws(DataError) -> Tensor {
      try Tensor(data: Int64.self, shape: [streams, count]) { target in
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
