/// Sentences of good and of bad opinion: a folder whose files `*.pos` and `*.neg` hold one sentence
/// a line (the sentence polarity data of Pang and Lee, 2005). Class 1 is good, 0 bad.
public struct PolarityFolder: Sendable {
  /// The words of each sentence, the good ones first.
  public let sentences: [[String]]
  public let labels: [Int]
  /// The words, padding as 0 and the unknown as 1 before them.
  public let vocabulary: Vocabulary

  /// - Parameters:
  ///   - minimumCount: how often a word must stand in the sentences to be in the vocabulary
  ///   - vocabulary: `nil` for that of the sentences
  /// - Throws: `DataError` where the folder lacks either kind, or a kind has no sentence.
  public init(
    _ folder: String, minimumCount: Int = 1, vocabulary: Vocabulary? = nil
  ) throws(DataError) {
    guard isDataFolder(folder) else {
      throw DataError("expected a folder with files *.pos and *.neg, found none", in: folder)
    }
    let names = try folderEntries(folder)
    var sentences: [[String]] = []
    var labels: [Int] = []
    for (label, end) in [(1, ".pos"), (0, ".neg")] {
      let files = names.filter { $0.hasSuffix(end) || $0.hasSuffix(end + ".gz") }
      guard !files.isEmpty else {
        throw DataError("expected a file *\(end), found none", in: folder)
      }
      let before = sentences.count
      for file in files {
        let text = try readTextData("\(folder)/\(file)")
        for line in text.unicodeScalars.split(whereSeparator: { $0 == "\n" || $0 == "\r" }) {
          let words = reviewWords(in: String(line))
          if words.isEmpty { continue }
          sentences.append(words)
          labels.append(label)
        }
      }
      guard sentences.count > before else {
        throw DataError("expected sentences in *\(end), found none", in: folder)
      }
    }
    self.sentences = sentences
    self.labels = labels
    if let vocabulary {
      self.vocabulary = vocabulary
    } else {
      self.vocabulary = try Vocabulary(wordsOf: sentences, minimumCount: minimumCount)
    }
  }

  /// The sentences as numbers of the vocabulary.
  /// - Throws: `DataError` for a word that a vocabulary without an unknown word lacks.
  public func dataset(
    padding: SequenceDataset.Padding = .init()
  ) throws(DataError) -> SequenceDataset {
    var sequences: [[Int32]] = []
    sequences.reserveCapacity(sentences.count)
    for sentence in sentences { sequences.append(try vocabulary.numbers(of: sentence)) }
    return try SequenceDataset(sequences, labels: .classes(labels), padding: padding)
  }
}
