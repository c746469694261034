import Foundation
import ONNX
import ONNXExplain
import Testing

@testable import Playground

struct WriteInsightTests {
  /// A model that reads a text from states of zeros.
  private func explained(_ name: String, _ text: String) throws -> ExplainedModel {
    let model = try Model(contentsOf: "../models/\(name).onnx")
    let generator = try TextGenerator(model)
    let tokens = try generator.vocabulary.numbers(of: text).map { Int64($0) }
    var inputs = try generator.start().mapValues { Value.tensor($0) }
    inputs["tokens"] = .tensor(Tensor(shape: [1, tokens.count], tokens))
    return ExplainedModel(model, inputs: inputs)
  }

  @Test(arguments: [("char_lstm", 6), ("char_gru", 4), ("char_rnn", 1)])
  func gatesAreThoseOfTheLibrary(name: String, parts: Int) async throws {
    let trace = try explained(name, "ROMEO:\nBut").gates()
    try await WriteServer().run { client in
      let json = try await client.answer(
        "gates", #"{"model": "\#(name)", "text": "ROMEO:\nBut"}"#)
      let found = try #require(json["parts"] as? [[String: Any]])
      #expect(found.count == parts)
      #expect(json["units"] as? Int == trace.units)
      #expect((json["pieces"] as? [String])?.joined() == "ROMEO:\nBut")
      for (part, expected) in zip(found, trace.parts) {
        #expect(part["name"] as? String == expected.name)
        #expect(try floats(part["values"]) == expected.values)
      }
    }
  }

  @Test func aLayerIsChosenByItsName() async throws {
    try await WriteServer().run { client in
      let json = try await client.answer(
        "gates", #"{"model": "char_rnn", "text": "abc", "layer": "recurrent.rnn_l1"}"#)
      #expect(json["layer"] as? String == "recurrent.rnn_l1")
      #expect(
        try await client.refusal(
          "gates", #"{"model": "char_rnn", "text": "abc", "layer": "conv"}"#)
          == "no recurrent layer is named 'conv'; the model has 'recurrent.rnn_l0', 'recurrent.rnn_l1'"
      )
    }
  }

  @Test func theSearchFindsAPlantedUnit() async throws {
    let folder = try TemporaryModels(["planted": plantedModel()])
    let text = String(repeating: "ab ca\\nb\\ncab bac\\n", count: 5)
    try await WriteServer(folder: folder.path).run { client in
      let json = try await client.answer(
        "neurons", #"{"model": "planted", "text": "\#(text)", "feature": "lineEnd"}"#)
      let units = try #require(json["units"] as? [[String: Any]])
      #expect(json["verdict"] as? String == "follows")
      #expect(json["candidates"] as? Int == 4)
      #expect(units.first?["unit"] as? Int == 2)
      let second = try #require(units.first?["second"] as? Double)
      #expect(second > 0.999)
      let feature = try #require(json["feature"] as? [Double])
      let values = try floats(units.first?["values"])
      #expect(zip(feature, values).allSatisfy { ($0 == 1) == ($1 > 0) })
    }
  }

  @Test func correlationsAreThoseOfPearson() {
    let values: [Float] = [1, 5, 2, 5, 3, 5, 4, 5]
    let found = NeuronSearch.correlations(values, units: 2, with: [2, 4, 7, 8], 0..<4)
    #expect(abs(found[0] - 0.9844952) < 1e-6)
    #expect(found[1] == 0)
    #expect(NeuronSearch.Verdict(first: -0.9, second: -0.7) == .follows)
    #expect(NeuronSearch.Verdict(first: 0.9, second: 0.4) == .partly)
    #expect(NeuronSearch.Verdict(first: 0.9, second: -0.9) == .none)
  }

  @Test(
    arguments: [
      (TextFeature.lineEnd, "a\nb", [0, 1, 0]), (.linePosition, "ab\nc", [1, 2, 0, 1]),
      (.capital, "aB", [0, 1]), (.speaker, "A B:\nHo:x\n", [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]),
      (.vowel, "aBe", [1, 0, 1]), (.space, "a b", [0, 1, 0]),
      (.wordPosition, "ab c", [1, 2, 0, 1]),
      (.quotes, "a\"b\"c", [0, 1, 1, 0, 0]), (.brackets, "(a[b])", [1, 1, 2, 2, 1, 0]),
      (.substring, "aabab", [0, 1, 1, 1, 1]),
    ] as [(TextFeature, String, [Double])])
  func featuresAreNumbersOfCharacters(feature: TextFeature, text: String, expected: [Double]) {
    let pieces = text.map { String($0) }
    #expect(feature.values(pieces, substring: "ab") == expected)
  }

  @Test func theSensitivityIsTheLastRowOfTheLibrary() async throws {
    let text = "But, soft!"
    let whole = try explained("char_rnn", text).sensitivity()
    try await WriteServer().run { client in
      let json = try await client.answer(
        "sensitivity", #"{"model": "char_rnn", "text": "\#(text)"}"#)
      #expect(try floats(json["values"]) == Array(whole.values.suffix(text.count)))
      #expect(json["next"] as? String == whole.best.last?.name)
    }
  }

  @Test func whatCannotBeLookedIntoIsRefusedInOneSentence() async throws {
    let long = String(repeating: "a", count: 2001)
    try await WriteServer().run { client in
      for path in ["gates", "sensitivity"] {
        #expect(
          try await client.refusal(path, #"{"model": "char_gru", "text": ""}"#)
            == "the text is empty")
        #expect(
          try await client.refusal(path, #"{"model": "char_gru", "text": "\#(long)"}"#)
            .contains("found 2001"))
        #expect(
          try await client.refusal(path, #"{"model": "char_gru"}"#) == "the body lacks 'text'")
      }
      #expect(
        try await client.refusal(
          "neurons", #"{"model": "char_gru", "text": "short", "feature": "vowel"}"#)
          == "expected a text of at least 40 characters, found 5")
      #expect(
        try await client.refusal(
          "neurons", #"{"model": "char_gru", "text": "\#(long.prefix(80))", "feature": "vowel"}"#)
          == "the feature 'vowel' is the same throughout the first half of the text: "
          + "choose a longer text, or another feature")
      _ = try await client.refusal(
        "neurons", #"{"model": "char_gru", "text": "\#(long.prefix(80))", "feature": "mood"}"#)
    }
  }
}
