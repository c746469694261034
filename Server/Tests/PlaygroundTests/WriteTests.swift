import Foundation
import ONNX
import Serving
import Testing

@testable import Playground

struct WriteTests {
  private func lstm() throws -> TextGenerator {
    var options = SessionOptions()
    options.threads = 1
    return try TextGenerator(Model(contentsOf: "../models/char_lstm.onnx"), options: options)
  }

  @Test func thePageOffersLanguageModelsAndPrompts() async throws {
    try await WriteServer().run { client in
      try await client.execute(uri: "/playground/write/models", method: .get) { response in
        let data = Data(response.body.readableBytesView)
        let json = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        let models = try #require(json["models"] as? [[String: Any]])
        #expect(models.map { $0["name"] as? String } == ["char_gru", "char_lstm", "char_rnn"])
        let layers = models.map {
          ($0["layers"] as? [[String: Any]] ?? []).map { $0["kind"] as? String }
        }
        #expect(layers == [["GRU"], ["LSTM"], ["RNN", "RNN"]])
        let prompts = try #require(json["prompts"] as? [[String: Any]])
        #expect(prompts.map { $0["name"] as? String } == ["citizen", "romeo"])
      }
    }
  }

  @Test func promptsAreSmallFilesOfTheFolderItself() async throws {
    let folder = try TemporaryModels([:])
    let manager = FileManager.default
    let prompts = folder.path + "/prompts"
    try manager.createDirectory(atPath: prompts, withIntermediateDirectories: true)
    for (name, text) in [
      ("a.txt", "A text"), ("b.md", "?"), ("c.txt", String(repeating: "c", count: 5000)),
    ] {
      try text.write(toFile: "\(prompts)/\(name)", atomically: false, encoding: .utf8)
    }
    try manager.createSymbolicLink(
      atPath: "\(prompts)/d.txt", withDestinationPath: "/etc/hostname")
    let models = LanguageModels(try WriteServer(folder: folder.path).server)
    #expect(models.catalog().prompts.map(\.text) == ["A text"])
    try manager.moveItem(atPath: prompts, toPath: folder.path + "/other")
    try manager.createSymbolicLink(atPath: prompts, withDestinationPath: "other")
    #expect(models.catalog().prompts.isEmpty)
  }

  @Test(arguments: [0, 0.7, 1.5])
  func theSameSeedGivesTheTextOfTheGeneratorAlone(temperature: Double) async throws {
    let generator = try lstm()
    var random = RandomStream(seed: 7, name: "generate")
    var expected = ""
    try generator.generate(
      after: try generator.vocabulary.numbers(of: "ROMEO:\n"), length: 40,
      temperature: temperature, using: &random
    ) { token in
      expected += generator.vocabulary.text(of: token, after: expected)
      return true
    }
    let text = expected
    try await WriteServer().run { client in
      let events = try await client.events(
        "text",
        #"{"model": "char_lstm", "prompt": "ROMEO:\n", "length": 40, "seed": 7, "#
          + #""temperature": \#(temperature)}"#)
      let tokens = events.filter { $0.0 == "token" }.map(\.1)
      let written = tokens.filter { $0["isPrompt"] as? Bool == false }
      #expect(written.compactMap { $0["text"] as? String }.joined() == text)
      #expect(tokens.count == 47)
      #expect(events.last?.0 == "end")
      #expect(events.last?.1["reason"] as? String == "length")
    }
  }

  @Test func probabilitiesAreThoseOfTheModel() async throws {
    let generator = try lstm()
    var states = try generator.start()
    let logits = try generator.read(try generator.vocabulary.numbers(of: "To be"), &states)
    @Sendable func probabilities(_ temperature: Double) -> [Double] {
      let powers = logits.map { exp($0 / temperature) }
      return powers.map { $0 / powers.reduce(0, +) }
    }
    let order = logits.indices.sorted { logits[$0] > logits[$1] }.prefix(5)
    try await WriteServer().run { client in
      let events = try await client.events(
        "text",
        #"{"model": "char_lstm", "prompt": "To be", "length": 0, "seed": 1, "temperature": 0.5}"#)
      #expect(events.map(\.0) == ["token", "token", "token", "token", "token", "end"])
      let last = try #require(events[4].1["next"] as? [[String: Any]])
      #expect(last.map { $0["text"] as? String } == order.map { generator.vocabulary.tokens[$0] })
      for (guess, token) in zip(last, order) {
        let model = try #require(guess["probability"] as? Double)
        let chance = try #require(guess["chance"] as? Double)
        #expect(abs(model - probabilities(1)[token]) < 1e-6)
        #expect(abs(chance - probabilities(0.5)[token]) < 1e-6)
      }
    }
  }

  @Test func theProbabilitiesOfAWholeVocabularyAddUpToOne() async throws {
    let folder = try TemporaryModels(["planted": plantedModel()])
    try await WriteServer(folder: folder.path).run { client in
      let events = try await client.events(
        "text",
        #"{"model": "planted", "prompt": "", "length": 20, "seed": 1, "temperature": 0.8}"#)
      #expect(events.count == 21)
      for (_, step) in events.dropLast() {
        let next = try #require(step["next"] as? [[String: Any]])
        #expect(abs(next.reduce(0) { $0 + ($1["probability"] as? Double ?? 0) } - 1) < 1e-9)
        #expect(abs(next.reduce(0) { $0 + ($1["chance"] as? Double ?? 0) } - 1) < 1e-9)
        #expect(step["probability"] is Double)
      }
    }
  }

  @Test func whatCannotBeWrittenIsRefusedInOneSentence() async throws {
    @Sendable func wish(
      model: String = "char_lstm", prompt: String = "a", length: String = "5",
      temperature: String = "1", seed: String = "1"
    ) -> String {
      #"{"model": "\#(model)", "prompt": "\#(prompt)", "length": \#(length), "#
        + #""temperature": \#(temperature), "seed": \#(seed)}"#
    }
    try await WriteServer().run { client in
      #expect(
        try await client.refusal("text", wish(prompt: "œuf"))
          == "the vocabulary of 65 characters has no character 'œ'")
      #expect(
        try await client.refusal("text", wish(prompt: String(repeating: "a", count: 2001)))
          == "expected a text of at most 2000 characters, found 2001")
      #expect(
        try await client.refusal("text", wish(length: "-1"))
          == "'length': expected 0 to 2000, found -1")
      #expect(
        try await client.refusal("text", wish(temperature: "-0.5"))
          == "'temperature': expected 0 to 5, found -0.5")
      _ = try await client.refusal("text", wish(temperature: "\"NaN\""))
      _ = try await client.refusal("text", wish(temperature: "NaN"))
      _ = try await client.refusal("text", wish(temperature: "1e999"))
      _ = try await client.refusal("text", wish(seed: "-1"))
      _ = try await client.refusal("text", wish(length: "1e30"))
      #expect(
        try await client.refusal("text", wish(model: "lenet5"))
          == "'lenet5' is no language model: the model has no metadata 'vocabulary' with its tokens"
      )
      _ = try await client.refusal("text", wish(model: "none"), .notFound)
      _ = try await client.refusal("text", wish(model: "../models/char_lstm"), .notFound)
    }
  }
  @Test func placesAreBoundedAndGivenBack() async throws {
    let desk = WorkDesk(places: 2)
    var places = [try desk.enter(), try desk.enter()]
    let error = #expect(throws: ServingError.self) { try desk.enter() }
    #expect(error?.status == .tooManyRequests)
    places.removeLast()
    places.append(try desk.enter())
    places[1].leave()
    places[1] = try desk.enter()
    #expect(throws: ServingError.self) { try desk.enter() }
    #expect(try await places[0].run { 3 } == 3)
  }
}
