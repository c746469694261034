import ONNX
import Testing

@testable import ONNXTraining

/// Tagged corpora, the score of tags, and the tagger.
@Suite struct TaggerTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  @Test func readsColumns() throws {
    let text =
      "-DOCSTART- -X- O\n\nThe DT B-NP\r\nfox NN I-NP\r\n\n\nruns\tVBZ\tB-VP\n\n. . O\n"
    try folder.write(text, to: "en.train.txt")
    try folder.write("a b\n", to: "en.dev.txt")
    try folder.write("c d\n\ne f", to: "en.test.txt")
    try folder.write("nothing", to: "README")
    let corpus = try TaggedCorpus(folder.path)
    #expect(
      corpus.train == [
        TaggedSentence(words: ["The", "fox"], tags: ["B-NP", "I-NP"]),
        TaggedSentence(words: ["runs"], tags: ["B-VP"]), TaggedSentence(words: ["."], tags: ["O"]),
      ])
    #expect(corpus.validation.count == 1 && corpus.test.count == 2)
    #expect(corpus.tags == ["B-NP", "B-VP", "I-NP", "O", "b", "d", "f"])
  }

  @Test func readsUniversalDependencies() throws {
    let line = "1-2\tcan't\t_\t_\n1\tca\tcan\tAUX\t_\n2\tn't\tnot\tPART\t_\n2.1\tx\tx\tVERB\n"
    let path = try folder.write(
      String(repeating: "# text\n\(line)\n", count: 20), to: "ud.conllu")
    let corpus = try TaggedCorpus(path)
    #expect(corpus.train.count == 17 && corpus.validation.count == 1 && corpus.test.count == 2)
    #expect(corpus.test[0] == TaggedSentence(words: ["ca", "n't"], tags: ["AUX", "PART"]))
  }

  @Test func refusesOtherFiles() throws {
    let path = try folder.write("a b\n\nword\n", to: "x.txt")
    expectDataError("line 3", "'word'") { try TaggedCorpus(path) }
    expectDataError("'train'", "x.txt") { try TaggedCorpus(folder.path) }
    let empty = try folder.write("\n\n", to: "y.txt")
    expectDataError("expected sentences") { try TaggedCorpus(empty) }
    let short = try folder.write("a b\n\nc d", to: "z.txt")
    expectDataError("at least 3 sentences") { try TaggedCorpus(short) }
    let long = try folder.write(String(repeating: "a b\n", count: 2001), to: "l.txt")
    expectDataError("line 2001", "2000 words") { try TaggedCorpus(long) }
    let many = try folder.write((0..<1001).map { "a \($0)\n\n" }.joined(), to: "m.txt")
    expectDataError("at most 1000 different tags, found 1001") { try TaggedCorpus(many) }
    expectDataError("No such file") { try TaggedCorpus(folder.path + "/none") }
  }

  @Test(arguments: [
    ("B-NP I-NP O", ["0-2 NP"]), ("I-NP I-NP", ["0-2 NP"]), ("I-NP B-NP", ["0-1 NP", "1-2 NP"]),
    ("B-NP I-VP", ["0-1 NP", "1-2 VP"]), ("O I O", ["1-2 "]), ("O O", []), ("", []),
    ("B-A-B I-A-B", ["0-2 A-B"]),
  ])
  func findsChunks(tags: String, chunks: [String]) {
    let found = TagScore.chunks(tags.split(separator: " ").map { String($0) })
    #expect(
      found.map { "\($0.words.lowerBound)-\($0.words.upperBound) \($0.kind)" }.sorted() == chunks)
  }

  /// The numbers that conlleval prints for this sentence: two of three chunks, of which it finds four.
  @Test func scoresChunks() {
    var score = TagScore()
    score.add(["B-A", "I-A", "O", "B-B", "B-B"], ["B-A", "I-A", "B-A", "I-B", "I-B"])
    #expect(score.right == 2 && score.words == 5)
    #expect(score.both == 1 && score.chunks == 3 && score.found == 3)
    #expect(score.f1 == 1.0 / 3 && score.accuracy == 0.4)
    #expect(TagScore.marksChunks(["O", "B", "I"]) && !TagScore.marksChunks(["NOUN", "O"]))
    #expect(!TagScore.marksChunks(["O"]))
  }

  @Test(arguments: ["the": 1, "The": 2, "I": 2, "USA": 3, "iPod": 4, "1990s": 5, "...": 6])
  func classifiesShapes(word: String, shape: Int) {
    #expect(WordShape(word).rawValue == shape)
  }

  /// A few steps on the task lower the loss, the chain's tags are those of the score, and probabilities
  /// of a word sum to 1.
  @Test(arguments: [true, false]) func learns(hasChain: Bool) throws {
    var options = RecipeOptions { _, _ in Tensor(0 as Float) }
    options.hasChain = hasChain
    options.hiddenLayers = [8]
    let recipe = try ArchitectureName.tagger.recipe(options)
    let trainer = try Trainer(recipe.model, recipe.options)
    var losses: [Double] = []
    for index in 0..<30 {
      let batch = try recipe.training.batch(epoch: 0, index: index)
      losses.append(try trainer.train(on: batch, rate: 1e-2).loss)
    }
    #expect(losses[29] < 0.6 * losses[0])
    let model = try trainer.model
    let test = try #require(recipe.test)
    let score = try TagScore(model, test, tags: #require(recipe.tags))
    let result = try trainer.evaluate(test)
    #expect(score.right == result.correct && Double(score.words) == result.counted)

    var inputs = try test.batch(epoch: 0, index: 0).tensors
    inputs[Loss.labels] = nil
    let probabilities = try #require(try tagProbabilities(model, inputs)).array(as: Float.self)
    let count = try #require(recipe.tags).count
    #expect(abs(probabilities[..<count].reduce(0, +) - 1) < 1e-4)
    #expect(probabilities.allSatisfy { $0 > -1e-6 && $0 < 1 + 1e-4 })
  }

  @Test func unknownWordsAndEveryTagHaveNumbers() throws {
    let line = "Paris\tB-LOC\nis\tO\nhere\tO\n\n"
    let path = try folder.write(String(repeating: line, count: 20) + "Rome\tI-LOC\n", to: "x.txt")
    var options = RecipeOptions { _, _ in Tensor(0 as Float) }
    (options.data, options.hiddenLayers, options.batch) = (path, [4], 4)
    let recipe = try ArchitectureName.tagger.recipe(options)
    let metadata = recipe.model.metadata.map { "\($0.key) \($0.value)" }
    #expect(
      metadata == [
        #"suffixes ["<pad>", "<unk>", "ere", "is", "ris"]"#,
        #"tags ["B-LOC", "I-LOC", "O"]"#,
        #"vocabulary ["<pad>", "<unk>", "here", "is", "paris"]"#,
      ])
    let batch = try recipe.training.batch(epoch: 0, index: 0)
    #expect(try Trainer(recipe.model, recipe.options).train(on: batch, rate: 1e-3).loss > 0)
  }
}
