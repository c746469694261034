import Foundation
import ONNX
import Testing

/// An architecture, its inputs for a batch of `n`, and the expected shapes of its outputs.
struct ArchitectureCase: Sendable, CustomTestStringConvertible {
  let architecture: any Architecture
  let inputs: @Sendable (Int) -> [String: Tensor]
  let outputs: @Sendable (Int) -> [String: [Int]]
  var testDescription: String { architecture.name.rawValue }

  init(
    _ architecture: any Architecture, _ inputs: @escaping @Sendable (Int) -> [String: Tensor],
    _ outputs: @escaping @Sendable (Int) -> [String: [Int]]
  ) {
    self.architecture = architecture
    self.inputs = inputs
    self.outputs = outputs
  }

  static func language(_ architecture: LanguageModel) -> ArchitectureCase {
    let (layers, hidden) = (architecture.layers, architecture.hidden)
    let hasCell = architecture.kind.hasCell
    let vocabulary = architecture.vocabulary
    return ArchitectureCase(architecture) { n in
      var inputs = [
        "tokens": tokens([n, 5 * n], below: vocabulary), "h": noise([layers, n, hidden]),
      ]
      if hasCell { inputs["c"] = noise([layers, n, hidden], seed: 8) }
      return inputs
    } _: { n in
      var outputs = ["logits": [n, 5 * n, vocabulary], "h_out": [layers, n, hidden]]
      if hasCell { outputs["c_out"] = [layers, n, hidden] }
      return outputs
    }
  }

  static func lengths(_ n: Int) -> Tensor {
    Tensor(shape: [n], (0..<n).map { Int32(4 + $0) })
  }

  static let all: [ArchitectureCase] = {
    var grey = ResNetSmall()
    (grey.channels, grey.height, grey.width, grey.blocks) = (1, 28, 28, 2)
    var embedded = LanguageModel.charLSTM(vocabulary: 11)
    embedded.embedding = 8
    embedded.dropout = 0.2
    var modern = LeNet5()
    modern.isModern = true
    return [
      ArchitectureCase(MLP()) {
        ["image": noise([$0, 1, 28, 28])]
      } _: {
        ["logits": [$0, 10]]
      },
      ArchitectureCase(LeNet5()) {
        ["image": noise([$0, 1, 28, 28])]
      } _: {
        ["logits": [$0, 10]]
      },
      ArchitectureCase(modern) {
        ["image": noise([$0, 1, 28, 28])]
      } _: {
        ["logits": [$0, 10]]
      },
      ArchitectureCase(ResNetSmall()) {
        ["image": noise([$0, 3, 32, 32])]
      } _: {
        ["logits": [$0, 10]]
      },
      ArchitectureCase(grey) {
        ["image": noise([$0, 1, 28, 28])]
      } _: {
        ["logits": [$0, 10]]
      },
      ArchitectureCase(Autoencoder()) {
        ["image": noise([$0, 1, 28, 28])]
      } _: {
        ["reconstruction": [$0, 1, 28, 28], "code": [$0, 32]]
      },
      language(.charRNN(vocabulary: 11)), language(.charLSTM(vocabulary: 11)),
      language(.charGRU(vocabulary: 11)), language(.wordLSTM(vocabulary: 40)), language(embedded),
      ArchitectureCase(TextCNN(vocabulary: 30)) {
        ["tokens": tokens([$0, 3 * $0], below: 30)]
      } _: {
        ["logits": [$0, 2]]
      },
      ArchitectureCase(BiLSTM(vocabulary: 30)) {
        ["tokens": tokens([$0, 3 + $0], below: 30), "lengths": lengths($0)]
      } _: {
        ["logits": [$0, 2]]
      },
      ArchitectureCase(SequenceToSequence(sourceVocabulary: 12, targetVocabulary: 14)) {
        ["source": tokens([$0, 6 + $0], below: 12), "target": tokens([$0, 3], below: 14)]
      } _: {
        ["logits": [$0, 3, 14]]
      },
      ArchitectureCase(Caption(vocabulary: 17)) {
        ["image": noise([$0, 1, 28, 28]), "tokens": tokens([$0, 2 + $0], below: 17)]
      } _: {
        ["logits": [$0, 2 + $0, 17]]
      },
      ArchitectureCase(Forecast()) {
        ["series": noise([$0, 9, 1])]
      } _: {
        ["forecast": [$0, 1]]
      },
      ArchitectureCase(Parity()) {
        ["bits": noise([$0, 3 + $0, 1]), "lengths": lengths($0)]
      } _: {
        ["logits": [$0, 2]]
      },
      ArchitectureCase(Adding()) {
        ["sequence": noise([$0, 9, 2])]
      } _: {
        ["sum": [$0, 1]]
      },
    ]
  }()
}

@Suite struct ArchitectureTests {
  @Test(arguments: ArchitectureCase.all)
  func runsRightAway(_ architecture: ArchitectureCase) throws {
    let session = try Session(architecture.architecture.model(seed: 1))
    for n in [1, 3] {
      let results = try session.run(architecture.inputs(n))
      #expect(results.mapValues(\.shape) == architecture.outputs(n))
      for (_, tensor) in results {
        #expect(try floats(tensor).allSatisfy(\.isFinite))
      }
    }
    for output in session.outputs {
      let shape = try #require(output.type?.tensorType?.shape)
      #expect(!shape.contains(.unknown))
    }
  }

  @Test(arguments: ArchitectureCase.all)
  func isTheSameReadBack(_ architecture: ArchitectureCase) throws {
    let model = try architecture.architecture.model(
      seed: 1, metadata: [MetadataEntry(key: "vocabulary", value: "[]")])
    try withTemporaryFile { first in
      try model.write(to: first)
      let read = try Model(contentsOf: first)
      try withTemporaryFile { second in
        try read.write(to: second)
        #expect(try Data(contentsOf: first) == Data(contentsOf: second))
      }
      #expect(read.metadataValue("vocabulary") == "[]")
      let inputs = architecture.inputs(2)
      #expect(try Session(read).run(inputs) == Session(model).run(inputs))
    }
  }

  /// LeCun, Bottou, Bengio and Haffner (1998), with full connections in the second convolution.
  @Test func leNet5HasThePapersSizes() throws {
    let model = try LeNet5().model()
    let shapes = model.graph.initializers.map { ($0.name ?? "", $0.tensor.shape) }
    let expected: [String: [Int]] = [
      "conv1.weight": [6, 1, 5, 5], "conv1.bias": [6], "conv2.weight": [16, 6, 5, 5],
      "conv2.bias": [16], "fc1.weight": [120, 400], "fc1.bias": [120], "fc2.weight": [84, 120],
      "fc2.bias": [84], "fc3.weight": [10, 84], "fc3.bias": [10],
    ]
    #expect(Dictionary(uniqueKeysWithValues: shapes) == expected)
    #expect(parameterCount(model) == 61_706)
    var plain = SessionOptions()
    plain.passes = []
    let types = try Session(model, options: plain).types(shapes: ["image": [1, 1, 28, 28]])
    let sizes = model.graph.nodes.filter { ["Conv", "AveragePool"].contains($0.operatorType) }
      .map { types[$0.outputs[0]]?.tensorType?.shape?.sizes }
    #expect(sizes == [[1, 6, 28, 28], [1, 6, 14, 14], [1, 16, 10, 10], [1, 16, 5, 5]])
  }

  /// The sizes stated in the cards of `models/`.
  @Test func characterModelsHaveTheCardsParameters() throws {
    var lstm = LanguageModel.charLSTM(vocabulary: 65)
    (lstm.embedding, lstm.hidden, lstm.layers) = (32, 160, 1)
    #expect(parameterCount(try lstm.model()) == 136_705)
    var gru = LanguageModel.charGRU(vocabulary: 65)
    (gru.embedding, gru.hidden, gru.layers) = (32, 184, 1)
    #expect(parameterCount(try gru.model()) == 134_441)
    var rnn = LanguageModel.charRNN(vocabulary: 65)
    (rnn.embedding, rnn.hidden, rnn.layers) = (32, 192, 2)
    #expect(parameterCount(try rnn.model()) == 132_129)
  }

  /// Kim (2014): 100 maps of each window of 3, 4 and 5 rows of 300, and two classes.
  @Test func textCNNHasThePapersParameters() throws {
    let count = parameterCount(try TextCNN(vocabulary: 50).model())
    let convolutions = (3 + 4 + 5) * 300 * 100 + 300
    #expect(count == 50 * 300 + convolutions + 300 * 2 + 2)
  }

  @Test(arguments: ["text-cnn", "bilstm"])
  func paddingChangesNothing(_ name: String) throws {
    let isCNN = name == "text-cnn"
    let session = try Session(
      isCNN ? TextCNN(vocabulary: 30).model(seed: 1) : BiLSTM(vocabulary: 30).model(seed: 1))
    let words = [3, 9, 4, 1, 7] as [Int64]
    func logits(_ padding: Int) throws -> [Float] {
      var inputs = [
        "tokens": Tensor(shape: [1, 5 + padding], words + Array(repeating: 0, count: padding))
      ]
      if !isCNN { inputs["lengths"] = Tensor(shape: [1], [5] as [Int32]) }
      return try floats(session.run(inputs)["logits"])
    }
    let plain = try logits(0)
    expectClose(try logits(1), plain)
    expectClose(try logits(20), plain)
  }

  /// A decoder's output at a step depends on the steps up to it only, as greedy decoding requires.
  @Test func decodersDoNotLookAhead() throws {
    let session = try Session(
      SequenceToSequence(sourceVocabulary: 12, targetVocabulary: 14).model(seed: 1))
    let source = tokens([1, 6], below: 12)
    func logits(_ target: [Int64]) throws -> [Float] {
      try floats(
        session.run(["source": source, "target": Tensor(shape: [1, target.count], target)])[
          "logits"]
      )
    }
    let whole = try logits([1, 5, 7, 2])
    expectClose(try logits([1, 5]), Array(whole[..<28]))
    let other = try logits([1, 5, 7, 3])
    expectClose(Array(other[..<42]), Array(whole[..<42]))
    #expect(other[42...] != whole[42...])
  }

  /// The context reaches every step: another source changes the output at each.
  @Test func theContextReachesEveryStep() throws {
    let session = try Session(
      SequenceToSequence(sourceVocabulary: 12, targetVocabulary: 14).model(seed: 1))
    let target = tokens([1, 4], below: 14)
    let a = try floats(
      session.run(["source": tokens([1, 6], below: 12), "target": target])["logits"])
    let b = try floats(
      session.run(["source": tokens([1, 6], below: 12, seed: 9), "target": target])["logits"])
    for step in 0..<4 {
      let range = step * 14..<step * 14 + 14
      #expect(a[range] != b[range])
    }
  }
}
