import ONNX
import Testing
import ToolSupport

@Suite struct GenerateTests {
  let folder: Folder
  init() throws { folder = try Folder() }

  /// A model of which each token's follower is certain: the next in the vocabulary, round and round;
  /// and a state that counts the tokens it has read.
  private func cycle(
    _ vocabulary: [String], unit: Vocabulary.Unit, json: String? = nil
  ) throws -> Model {
    let count = vocabulary.count
    var table = [Float](repeating: 0, count: count * count)
    for token in 0..<count { table[token * count + (token + 1) % count] = 20 }
    var model = Model(
      [
        Node("Gather", inputs: ["table", "tokens"], outputs: ["logits"]),
        Node("Add", inputs: ["h", "one"], outputs: ["h_out"]),
      ],
      inputs: [
        ValueInfo("tokens", .tensor(.int64, [.symbol("N"), .symbol("T")])),
        ValueInfo("h", .tensor(.float32, [1, .symbol("N"), 1])),
      ],
      outputs: [
        ValueInfo("logits", .tensor(.float32, [.symbol("N"), .symbol("T"), Dimension(count)])),
        ValueInfo("h_out", .tensor(.float32, [1, .symbol("N"), 1])),
      ])
    model.graph.initializers = [
      NamedTensor("table", Tensor(shape: [count, count], table)),
      NamedTensor("one", Tensor(shape: [1], [1] as [Float])),
    ]
    model.metadata = [
      MetadataEntry(
        key: "vocabulary", value: try json ?? Vocabulary(vocabulary, unit: unit).json)
    ]
    return model
  }

  @Test func continuesWithTheLikeliest() throws {
    let model = try folder.write(cycle(["a", "b", "c", "\n"], unit: .character))
    let tool = try Tool("generate", model, "--prompt", "ab", "--length", "5", "--temperature", "0")
    #expect(tool.status == 0 && tool.errors == "")
    #expect(tool.output == "abc\nabc\n")
    // 20 nats ahead: drawn as good as always.
    #expect(
      try Tool("generate", model, "--prompt", "ab", "--length", "5", "--temperature", "1").output
        == tool.output)
    // Without a prompt a line begins.
    #expect(
      try Tool("generate", model, "--length", "3", "--temperature", "0").output == "abc\n")
  }

  @Test func writesWords() throws {
    let model = try folder.write(
      cycle(["<unk>", "ROMEO", ":", "\n", "but", ",", "soft"], unit: .word))
    let tool = try Tool(
      "generate", model, "--prompt", "ROMEO:", "--length", "4", "--temperature", "0")
    #expect(tool.output == "ROMEO:\nbut, soft\n")
    // What a vocabulary has for the unknown is read, never written.
    let unknown = try Tool(
      "generate", model, "--prompt", "JULIET", "--length", "2", "--temperature", "0")
    #expect(unknown.output == "JULIET ROMEO:\n")
  }

  @Test func stopsAtTheEndMark() throws {
    let model = try folder.write(cycle(["a", "b", "<end>"], unit: .character))
    #expect(
      try Tool("generate", model, "--prompt", "a", "--length", "9", "--temperature", "0").output
        == "ab\n")
  }

  @Test func controlCharactersOfAVocabularyAreShown() throws {
    let model = try folder.write(cycle(["a", "\u{1B}", "\n"], unit: .character))
    #expect(
      try Tool("generate", model, "--prompt", "a", "--length", "1", "--temperature", "0").output
        == "a\\u{1b}\n")
  }

  @Test(arguments: ["char_rnn", "char_gru", "char_lstm"])
  func continuesShakespeare(name: String) throws {
    let model = packageFile("models/\(name).onnx")
    func run(_ arguments: String...) throws -> String {
      let tool = try Tool(["generate", model, "--prompt", "ROMEO:", "--length", "60"] + arguments)
      #expect(tool.status == 0, "\(tool.errors)")
      return tool.output
    }
    let greedy = try run("--temperature", "0")
    #expect(greedy.hasPrefix("ROMEO:\n") && greedy.count == 67)
    let drawn = try run("--seed", "1")
    #expect(try run("--seed", "1", "--threads", "1") == drawn)
    #expect(try run("--seed", "2") != drawn)
    // Reading a prompt in one go or token by token is the same.
    let generator = try TextGenerator(Model(contentsOf: model), options: SessionOptions())
    let tokens = try generator.vocabulary.numbers(of: "ROMEO:\nBut")
    var states = try generator.start()
    let together = try generator.read(tokens, &states)
    var others = try generator.start()
    var alone: [Double] = []
    for token in tokens { alone = try generator.read([token], &others) }
    for (a, b) in zip(together, alone) { #expect(abs(a - b) < 1e-4) }
  }

  @Test func refusesWhatItCannotRead() throws {
    let good = try cycle(["a", "b", "\n"], unit: .character)
    let path = try folder.write(good)
    try expectStop(
      ["generate", path, "--prompt", "az"], "--prompt: the vocabulary of 3 characters")
    try expectStop(["generate", path, "--prompt", "az"], "'z'")
    try expectStop(["generate", path, "--temperature", "-1"], "--temperature")
    try expectStop(["generate", path, "--temperature", "nan"], "--temperature")
    try expectStop(["generate", path, "--length", "-1"], "--length")
    try expectStop(["generate", folder.write(.relu(), to: "relu.onnx")], "metadata 'vocabulary'")
    let broken = try folder.write(
      cycle(["a", "b"], unit: .character, json: "[\"a\", 1]"), to: "broken.onnx")
    try expectStop(["generate", broken, "--prompt", "a"], "metadata 'vocabulary': expected '\"'")
    let short = try folder.write(
      cycle(["a", "b"], unit: .character, json: "[\"a\"]"), to: "short.onnx")
    try expectStop(["generate", short, "--prompt", "a"], "expected logits [1,1,1]")
  }

  @Test func refusesOtherModels() throws {
    var model = Model.relu()
    model.metadata = [MetadataEntry(key: "vocabulary", value: "[\"a\"]")]
    let path = try folder.write(model)
    try expectStop(["generate", path, "--prompt", "a"], "expected one input of tokens")
  }
}
