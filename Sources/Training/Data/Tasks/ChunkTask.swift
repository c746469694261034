import ONNXFormat

/// Sentences of a made-up language whose names of persons, places and firms are to be found. Every epoch
/// has new sentences.
///
/// A name has one to four words. Half of its words are of its own kind, the others occur in names of all
/// kinds; a word that tells the kind stands before half of the names. Names may follow each other
/// without a word between. Often neither the kind of a name nor its first word is certain, but the tags
/// of its words depend on each other.
///
/// A batch has the tensors `tokens`, int64 `[N, T]` padded with 0, `lengths`, int32 `[N]`, and `labels`,
/// int64 `[N, T]` padded with `SequenceDataset.ignoreIndex`.
package struct ChunkTask: BatchSource {
  package let batchCount: Int
  package let vocabulary: Vocabulary
  package let tags: Vocabulary
  private let size: Int
  private let seed: UInt64

  private static let kinds = ["PER", "LOC", "ORG"]
  private static let cues = ["mr", "in", "the"]
  private static let namesEach = 10
  private static let others = 20

  /// - Parameters:
  ///   - size: The number of sentences in a batch.
  ///   - batchCount: The number of batches per epoch.
  package init(size: Int, batchCount: Int, seed: UInt64) throws(DataError) {
    precondition(size > 0 && batchCount > 0)
    self.size = size
    self.batchCount = batchCount
    self.seed = seed
    let names = Self.kinds.flatMap { kind in
      (1...Self.namesEach).map { "\(kind.lowercased())\($0)" }
    }
    vocabulary = try Vocabulary(
      [Vocabulary.padding] + Self.cues + names + (1...Self.others).map { "word\($0)" },
      unit: .word)
    tags = try Vocabulary(
      ["O"] + Self.kinds.flatMap { ["B-" + $0, "I-" + $0] }, unit: .word)
  }

  /// The numbers of a sentence's words and of their tags.
  private func sentence(_ random: inout RandomStream) -> (words: [Int32], tags: [Int]) {
    let (kinds, cues) = (Self.kinds.count, Self.cues.count)
    let names = kinds * Self.namesEach
    var words: [Int] = []
    var tags: [Int] = []
    for _ in 0..<2 + random.integer(below: 4) {
      for _ in 0..<random.integer(below: 4) {
        words.append(1 + cues + names + random.integer(below: Self.others))
        tags.append(0)
      }
      let kind = random.integer(below: kinds)
      if random.uniform() < 0.5 {
        words.append(1 + kind)
        tags.append(0)
      }
      for position in 0..<[1, 2, 2, 3, 3, 4][random.integer(below: 6)] {
        let isOwn = random.uniform() < 0.5
        let name =
          isOwn
          ? kind * Self.namesEach + random.integer(below: Self.namesEach)
          : random.integer(below: names)
        words.append(1 + cues + name)
        tags.append(1 + 2 * kind + (position == 0 ? 0 : 1))
      }
    }
    return (words.map(Int32.init), tags)
  }

  private func sentences(_ epoch: Int, _ index: Int) -> [(words: [Int32], tags: [Int])] {
    var random = RandomStream(seed: seed, UInt64(epoch), UInt64(index))
    return (0..<size).map { _ in sentence(&random) }
  }

  /// The words of each sentence of a batch.
  package func words(epoch: Int, index: Int) -> [[String]] {
    sentences(epoch, index).map { $0.words.map { vocabulary.tokens[Int($0)] } }
  }

  package func batch(epoch: Int, index: Int) throws(DataError) -> Batch {
    let sentences = sentences(epoch, index)
    var padding = SequenceDataset.Padding()
    padding.multiple = 8
    return try SequenceDataset(
      sentences.map(\.words), labels: .steps(sentences.map(\.tags)), padding: padding
    ).batch(of: Array(0..<size))
  }
}
