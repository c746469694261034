import ONNXFormat

/// Tagged sentences as numbers.
///
/// A batch is padded to a multiple of 8 words. It has the tensors
/// - `tokens`, `suffixes`, `shapes`, int64 `[N, T]`: the word in lower case, its last three letters, and
///   its `WordShape`, padded with 0,
/// - `lengths`, int32 `[N]`,
/// - `labels`, int64 `[N, T]`: the tags, padded with `SequenceDataset.ignoreIndex`.
package struct TaggedDataset: ExampleSource {
  private let words: SequenceDataset
  private let suffixes: SequenceDataset
  private let shapes: SequenceDataset

  package init(
    _ sentences: [TaggedSentence], vocabulary: Vocabulary, suffixes: Vocabulary, tags: Vocabulary
  ) throws(DataError) {
    var padding = SequenceDataset.Padding()
    padding.multiple = 8
    var rows: (words: [[Int32]], suffixes: [[Int32]], labels: [[Int]]) = ([], [], [])
    for sentence in sentences {
      rows.words.append(try vocabulary.numbers(of: sentence.words.map { $0.lowercased() }))
      rows.suffixes.append(try suffixes.numbers(of: sentence.words.map(Self.suffix)))
      rows.labels.append(try tags.numbers(of: sentence.tags).map { Int($0) })
    }
    let shapes = sentences.map { $0.words.map { Int32(WordShape($0).rawValue) } }
    self.words = try SequenceDataset(rows.words, labels: .steps(rows.labels), padding: padding)
    self.suffixes = try SequenceDataset(rows.suffixes, labels: .none, padding: padding)
    self.shapes = try SequenceDataset(shapes, labels: .none, padding: padding)
  }

  /// The last three letters of a word, in lower case.
  package static func suffix(of word: String) -> String { String(word.lowercased().suffix(3)) }

  package var count: Int { words.count }

  package func batch(of examples: [Int]) throws(DataError) -> Batch {
    var batch = try words.batch(of: examples)
    batch.tensors["suffixes"] = try suffixes.batch(of: examples).tensors["tokens"]
    batch.tensors["shapes"] = try shapes.batch(of: examples).tensors["tokens"]
    return batch
  }
}
