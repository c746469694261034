import ONNX
import Testing

@testable import ONNXTraining

@Suite struct VocabularyTests {
  @Test func ordersCharactersByCodePoint() throws {
    let vocabulary = try Vocabulary(charactersOf: "b\na b é")
    #expect(vocabulary.tokens == ["\n", " ", "a", "b", "é"])
    #expect(try vocabulary.numbers(of: "ab\n") == [2, 3, 0])
    #expect(vocabulary.text(of: [3, 4, 0]) == "bé\n")
    expectDataError("5 characters", "'z'") { try vocabulary.numbers(of: "az") }
  }

  @Test func survivesJSON() throws {
    let tokens = ["\"", "\\", "\n", "\r", "\t", "\u{1}", "é", "𝄞", "/", "\u{7F}"]
    let vocabulary = try Vocabulary(tokens, unit: .character)
    let read = try Vocabulary(json: vocabulary.json)
    #expect(read.tokens == tokens && read.unit == .character)
    #expect(!vocabulary.json.contains("\n"))
    #expect(
      try Vocabulary(json: #" ["\u00e9", "\uD834\uDD1E", "\/", "<pad>"] "#).tokens
        == ["é", "𝄞", "/", "<pad>"])
    #expect(try Vocabulary(json: #"["the", "a"]"#).unit == .word)
  }

  @Test(arguments: [
    "", "[", "[1]", "[\"a\"", "[\"a\",]", "[\"a\"] x", "{}", "[\"\\x\"]", "[\"\\uD834\"]",
    "[\"\\uD834\\u0041\"]", "[\"\\u12\"]", "[\"a\n\"]", "[]", "[\"a\", \"a\"]",
  ]) func refusesOtherJSON(json: String) {
    expectDataError { try Vocabulary(json: json) }
  }

  @Test func tellsCanonicallyEqualCharactersApart() throws {
    let vocabulary = try Vocabulary(charactersOf: "\u{C5}\u{212B}")
    #expect(vocabulary.count == 2)
    #expect(try vocabulary.numbers(of: "\u{212B}\u{C5}") == [1, 0])
  }

  @Test func ordersWordsByFrequency() throws {
    let sentences = [["b", "a", "b"], ["c", "b", "a", "d"]]
    #expect(try Vocabulary(wordsOf: sentences).tokens == ["<pad>", "<unk>", "b", "a", "c", "d"])
    let small = try Vocabulary(wordsOf: sentences, minimumCount: 2)
    #expect(small.tokens == ["<pad>", "<unk>", "b", "a"])
    #expect(try small.numbers(of: ["a", "c"]) == [3, 1])
    #expect(try Vocabulary(wordsOf: sentences, limit: 1).tokens == ["<pad>", "<unk>", "b"])
  }

  @Test func wordsAndTheirText() throws {
    let text = "ROMEO:\nBut, soft! what's (light)?"
    let words = words(in: text)
    #expect(
      words == ["ROMEO", ":", "\n", "But", ",", "soft", "!", "what's", "(", "light", ")", "?"])
    let vocabulary = try Vocabulary(wordsOf: [words], special: [])
    #expect(vocabulary.text(of: try vocabulary.numbers(of: text).map { Int($0) }) == text)
  }
}

@Suite struct TokenStreamTests {
  @Test func keepsTheEndForValidation() throws {
    let corpus = try TextCorpus("abcdefghij", validationShare: 0.3)
    #expect(corpus.vocabulary.text(of: corpus.train.map { Int($0) }) == "abcdefg")
    #expect(corpus.validation == [7, 8, 9])
    #expect(try TextCorpus(String(repeating: "ab", count: 5)).validation.count == 1)
    expectDataError("at least 2 tokens") { try TextCorpus("a") }
    expectDataError("share") { try TextCorpus("abc", validationShare: 1) }
  }

  @Test func streamsGoOnFromBatchToBatch() throws {
    let streams = try TokenStreams(Array(0..<21), streams: 2, window: 4)
    #expect(streams.batchCount == 3)
    let batches = try (0..<3).map { try streams.batch(epoch: 0, index: $0) }
    #expect(try batches[0].integers("tokens") == [0, 1, 2, 3, 10, 11, 12, 13])
    #expect(try batches[0].integers("targets") == [1, 2, 3, 4, 11, 12, 13, 14])
    #expect(try batches[1].integers("tokens") == [4, 5, 6, 7, 14, 15, 16, 17])
    #expect(try batches[2].integers("targets") == [9, 10, 19, 20])
    #expect(batches.map(\.startsState) == [true, false, false])
    #expect(batches.map(\.count) == [8, 8, 4])
    #expect(try TokenStreams(Array(0..<21), streams: 2, window: 4, dropsRest: true).batchCount == 2)
    expectDataError("found 3") { try TokenStreams([1, 2, 3], streams: 3, window: 1) }
    expectDataError("found 0") { try TokenStreams([], streams: 1, window: 1) }
  }

  @Test(.enabled(if: sharedData != nil, "the shared data is not here"))
  func readsShakespeare() throws {
    let path = try #require(sharedData) + "/text/tinyshakespeare.txt"
    let corpus = try TextCorpus(contentsOf: path)
    // As `tools/models/write_references.py` splits it.
    #expect(corpus.vocabulary.count == 65)
    let count = corpus.train.count + corpus.validation.count
    #expect(corpus.train.count == count * 9 / 10)
  }

  @Test func readsLatin1AsWellAsUTF8() throws {
    let folder = try TemporaryFolder()
    let latin = try folder.write([0x63, 0x61, 0x66, 0xE9], to: "latin.txt")
    let utf8 = try folder.write("\u{FEFF}café", to: "utf8.txt")
    #expect(try readTextData(latin) == "café")
    #expect(try readTextData(utf8) == "café")
    expectDataError(utf8, "at most 2 bytes") { try readTextData(utf8, limit: 2) }
  }
}

@Suite struct PolarityTests {
  /// The result of Kim's `clean_str`, without the backslashes that it leaves before brackets.
  @Test func splitsReviewsAsKimDoes() {
    #expect(
      reviewWords(in: "It's GREAT, isn't it? (I'd say: we'll, they've!) -- café's 10/10")
        == [
          "it", "'s", "great", ",", "is", "n't", "it", "?", "(", "i", "'d", "say", "we", "'ll", ",",
          "they", "'ve", "!", ")", "caf", "'s", "10", "10",
        ])
    #expect(reviewWords(in: " ... ") == [])
  }

  @Test func readsAFolder() throws {
    let folder = try TemporaryFolder()
    try folder.write("good film\n\nvery good\n", to: "a.pos")
    try folder.write(Array("bad caf".utf8) + [0xE9, 0x0A], to: "a.neg")
    let polarity = try PolarityFolder(folder.path)
    #expect(polarity.labels == [1, 1, 0])
    #expect(polarity.sentences == [["good", "film"], ["very", "good"], ["bad", "caf"]])
    #expect(polarity.vocabulary.tokens.prefix(3) == ["<pad>", "<unk>", "good"])
    let batch = try polarity.dataset().batch(of: [1, 2])
    #expect(try batch.integers("labels") == [1, 0])
    #expect(batch.tensors["tokens"]?.shape == [2, 2])
  }

  @Test func refusesMissingAndEmptyKinds() throws {
    let folder = try TemporaryFolder()
    try folder.write("good\n", to: "a.pos")
    expectDataError(folder.path, "*.neg") { try PolarityFolder(folder.path) }
    try folder.write("...\n", to: "a.neg")
    expectDataError("sentences in *.neg, found none") { try PolarityFolder(folder.path) }
    expectDataError("*.pos and *.neg") { try PolarityFolder(folder.path("a.pos")) }
  }

  @Test(.enabled(if: sharedData != nil, "the shared data is not here"))
  func readsReviews() throws {
    let polarity = try PolarityFolder(#require(sharedData) + "/text")
    #expect(polarity.labels.count(where: { $0 == 1 }) == 5331)
    #expect(polarity.labels.count(where: { $0 == 0 }) == 5331)
    // Kim (2014), table 1: vocabulary of MR, 18765 words, the longest sentence of 56.
    #expect(polarity.vocabulary.count == 18765 + 2)
    #expect(polarity.sentences.map(\.count).max() == 56)
  }
}

@Suite struct SequenceTests {
  let sequences: [[Int32]] = [[1, 2, 3], [4], [5, 6], [7, 8, 9, 10]]

  @Test func padsAndMasks() throws {
    let data = try SequenceDataset(
      sequences, labels: .steps([[0, 1, 0], [1], [0, 0], [1, 1, 1, 1]]))
    let batch = try data.batch(of: [1, 0])
    #expect(try batch.integers("tokens") == [4, 0, 0, 1, 2, 3])
    #expect(try batch.integers("labels") == [1, -100, -100, 0, 1, 0])
    #expect(try batch.floats("mask") == [1, 0, 0, 1, 1, 1])
    #expect(batch.tensors["lengths"] == Tensor(shape: [2], [1, 3] as [Int32]))
    #expect(batch.count == 4)
  }

  @Test func padsAsAsked() throws {
    var padding = SequenceDataset.Padding()
    padding.token = 9
    padding.before = 1
    padding.maximumLength = 2
    padding.multiple = 4
    let data = try SequenceDataset(sequences, labels: .classes([0, 1, 0, 1]), padding: padding)
    let batch = try data.batch(of: [3, 1])
    #expect(try batch.integers("tokens") == [9, 7, 8, 9, 9, 4, 9, 9])
    #expect(try batch.floats("mask") == [0, 1, 1, 0, 0, 1, 0, 0])
    #expect(try batch.integers("labels") == [1, 1])
  }

  @Test func bucketsHoldSimilarLengths() throws {
    let many = (0..<50).map { [Int32](repeating: 1, count: 1 + $0 % 10) }
    let data = try SequenceDataset(many, labels: .classes(Array(0..<50)))
    let batches = BucketedBatches(data, size: 4, width: 2, seed: 1)
    // Five buckets of ten sequences, three batches each.
    #expect(batches.batchCount == 15)
    var seen: [Int64] = []
    for index in 0..<batches.batchCount {
      let batch = try batches.batch(epoch: 0, index: index)
      let lengths = try #require(batch.tensors["lengths"]).array(as: Int32.self)
      let (low, high) = try (#require(lengths.min()), #require(lengths.max()))
      #expect((low - 1) / 2 == (high - 1) / 2)
      seen += try batch.integers("labels")
    }
    #expect(seen.sorted() == Array(0..<50))
    let other = try batches.batch(epoch: 1, index: 0).integers("labels")
    #expect(try batches.batch(epoch: 0, index: 0).integers("labels") != other)
  }

  @Test func refusesLabelsThatDoNotFit() throws {
    expectDataError("4 labels, found 1") { try SequenceDataset(sequences, labels: .classes([0])) }
    expectDataError("found -1 at 1") {
      try SequenceDataset(sequences, labels: .classes([0, -1, 0, 0]))
    }
    expectDataError("each token") {
      try SequenceDataset(sequences, labels: .steps([[0], [1], [0, 0], [1]]))
    }
    expectDataError("none") { try SequenceDataset([], labels: .none) }
  }
}
