import ONNXFormat
import ONNXInterpreter

/// The result of a tagger: the words with the right tag and, where tags mark chunks as `B-KIND`,
/// `I-KIND` and `O`, the chunks found, counted as the script `conlleval` of the shared tasks does.
package struct TagScore: Sendable, Equatable {
  /// The number of words.
  package var words = 0
  /// The number of words with the right tag.
  package var right = 0
  /// The number of chunks in the data.
  package var chunks = 0
  /// The number of chunks in the output.
  package var found = 0
  /// The number of chunks in both, with the same words and kind.
  package var both = 0

  package init() {}

  /// Runs a model on batches with `labels`, and compares its output `tags`.
  package init(_ model: Model, _ batches: any BatchSource, tags: Vocabulary) throws {
    let session = try Session(model)
    for index in 0..<batches.batchCount {
      var inputs = try batches.batch(epoch: 0, index: index).tensors
      guard let labels = inputs.removeValue(forKey: Loss.labels),
        let output = try session.run(inputs)["tags"]
      else { continue }
      guard output.shape == labels.shape, output.elementType == .int64 else {
        throw DataError(
          "expected the output 'tags' to be int64\(labels.shape), found \(output.type)")
      }
      let (wanted, given) = (
        try labels.array(as: Int64.self), try output.array(as: Int64.self)
      )
      let columns = labels.shape[1]
      for row in 0..<labels.shape[0] {
        let places = (row * columns..<(row + 1) * columns).filter { wanted[$0] != Loss.ignored }
        func names(_ numbers: [Int64]) -> [String] {
          places.map { place in
            let number = Int(numbers[place])
            return tags.tokens.indices.contains(number) ? tags.tokens[number] : "?"
          }
        }
        add(names(wanted), names(given))
      }
    }
  }

  /// Adds a sentence.
  package mutating func add(_ wanted: [String], _ given: [String]) {
    words += wanted.count
    right += zip(wanted, given).filter { $0 == $1 }.count
    let (expected, made) = (Self.chunks(wanted), Self.chunks(given))
    chunks += expected.count
    found += made.count
    both += expected.intersection(made).count
  }

  package var accuracy: Double { words > 0 ? Double(right) / Double(words) : 0 }
  package var precision: Double { found > 0 ? Double(both) / Double(found) : 0 }
  package var recall: Double { chunks > 0 ? Double(both) / Double(chunks) : 0 }
  package var f1: Double {
    chunks + found > 0 ? 2 * Double(both) / Double(chunks + found) : 0
  }

  /// A chunk of a sentence.
  package struct Chunk: Hashable, Sendable {
    package var words: Range<Int>
    package var kind: Substring
  }

  /// The chunks of a sentence. A chunk begins with `B`, or with `I` after `O` or after another kind.
  package static func chunks(_ tags: [String]) -> Set<Chunk> {
    var chunks: Set<Chunk> = []
    var start = 0
    var kind: Substring?
    for (index, tag) in (tags + ["O"]).enumerated() {
      let parts = tag.split(separator: "-", maxSplits: 1)
      let own = isChunk(tag) ? (parts.count > 1 ? parts[1] : "") : nil
      if tag.hasPrefix("B") && own != nil || own != kind {
        if let kind { chunks.insert(Chunk(words: start..<index, kind: kind)) }
        (start, kind) = (index, own)
      }
    }
    return chunks
  }

  /// Whether the tag is `B` or `I`, with or without a kind.
  private static func isChunk(_ tag: String) -> Bool {
    ["B", "I"].contains(tag) || tag.hasPrefix("B-") || tag.hasPrefix("I-")
  }

  /// Whether the tags mark chunks.
  package static func marksChunks(_ tags: [String]) -> Bool {
    tags.contains(where: isChunk) && tags.allSatisfy { $0 == "O" || isChunk($0) }
  }
}
