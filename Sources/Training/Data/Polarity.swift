/// A folder with the sentence polarity data of Pang and Lee (2005): files `*.pos` and `*.neg` with one
/// sentence per line. Positive sentences have label 1, negative ones label 0.
package struct PolarityFolder: Sendable {
  /// The words of each sentence, positive sentences first.
  package let sentences: [[String]]
  package let labels: [Int]
  /// The words, after padding (0) and the unknown word (1).
  package let vocabulary: Vocabulary

  /// - Parameters:
  ///   - minimumCount: The number of occurrences that a word needs to be in the vocabulary.
  ///   - vocabulary: The vocabulary; `nil` for the words of the sentences.
  /// - Throws: `DataError` if the folder lacks files of one kind, or they have no sentence.
  package init(
    _ folder: String, minimumCount: Int = 1, vocabulary: Vocabulary? = nil
  ) throws(DataError) {
    guard isDataFolder(folder) else {
      throw DataError("expected a folder with files *.pos and *.neg, found no folder", in: folder)
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

  /// The sentences as token numbers.
  /// - Throws: `DataError` if the vocabulary lacks a word and has no unknown word.
  package func dataset(
    padding: SequenceDataset.Padding = .init()
  ) throws(DataError) -> SequenceDataset {
    var sequences: [[Int32]] = []
    sequences.reserveCapacity(sentences.count)
    for sentence in sentences { sequences.append(try vocabulary.numbers(of: sentence)) }
    return try SequenceDataset(sequences, labels: .classes(labels), padding: padding)
  }
}
