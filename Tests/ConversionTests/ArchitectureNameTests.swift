import ONNX
import Testing

@testable import ONNXConversion

struct ArchitectureNameTests {
  /// Every architecture with sizes other than the default, which follow from the weights.
  static var models: [(ArchitectureName, any Architecture, [String: Int])] {
    var mlp = MLP()
    (mlp.channels, mlp.height, mlp.width, mlp.hidden, mlp.classes) = (3, 4, 4, [9, 8, 7], 5)
    var lenet = LeNet5()
    (lenet.channels, lenet.height, lenet.width, lenet.classes) = (2, 32, 32, 7)
    var local = LeNet5()
    (local.channels, local.isLocal) = (2, true)
    var resnet = ResNetSmall()
    (resnet.filters, resnet.blocks, resnet.classes) = ([3, 4], 2, 6)
    var autoencoder = Autoencoder()
    (autoencoder.height, autoencoder.width, autoencoder.hidden) = (6, 6, [9, 8, 7])
    autoencoder.code = 3
    var machine = RestrictedBoltzmannMachine()
    (machine.height, machine.width, machine.machine.units) = (5, 5, 9)
    var belief = DeepBeliefNetwork()
    (belief.height, belief.width, belief.hidden, belief.classes) = (5, 5, [9, 8], 3)
    var classics: [(ArchitectureName, any Architecture, [String: Int])] = []
    for name in ArchitectureName.allCases {
      guard var net = name.classicNetwork else { continue }
      (net.scale, net.channels, net.height, net.width, net.classes) = (0.04, 1, 28, 28, 5)
      classics.append((name, net, [:]))
    }
    var tower = AlexNet()
    (tower.hasOneTower, tower.scale, tower.height, tower.width) = (true, 0.07, 32, 32)
    var original = GoogLeNet()
    (original.isOriginal, original.scale, original.height, original.width) = (true, 0.1, 32, 32)
    classics += [(.alexnet, tower, [:]), (.googlenet, original, [:])]
    func language(_ model: LanguageModel, _ embedding: Int?) -> LanguageModel {
      var model = model
      (model.hidden, model.layers, model.embedding) = (6, 3, embedding)
      return model
    }
    var text = TextCNN(vocabulary: 12)
    (text.embedding, text.windows, text.maps, text.classes) = (5, [2, 3], 4, 3)
    var sentence = BiLSTM(vocabulary: 12)
    (sentence.embedding, sentence.hidden, sentence.classes) = (5, 4, 3)
    var tagger = Tagger(vocabulary: 12, tags: 3)
    (tagger.embedding, tagger.hidden, tagger.suffixes) = (5, 4, 9)
    var translator = SequenceToSequence(sourceVocabulary: 9, targetVocabulary: 10)
    (translator.embedding, translator.hidden) = (4, 6)
    var caption = Caption(vocabulary: 11)
    (caption.height, caption.width, caption.filters) = (8, 8, [3, 4])
    (caption.features, caption.embedding, caption.hidden) = (7, 5, 6)
    var forecast = Forecast()
    (forecast.features, forecast.horizon, forecast.hidden, forecast.layers) = (3, 4, 6, 2)
    var parity = Parity()
    (parity.kind, parity.hidden) = (.gru, 6)
    var adding = Adding()
    (adding.kind, adding.hidden) = (.rnn, 6)
    var sounds = SoundCNN()
    (sounds.filters, sounds.classes) = ([3, 4], 5)
    var spoken = SoundGRU()
    (spoken.hidden, spoken.rate, spoken.classes) = (6, 16000, 3)
    return [
      (.mlp, mlp, [:]), (.lenet5, lenet, [:]), (.lenet5, local, [:]), (.resnetSmall, resnet, [:]),
      (.autoencoder, autoencoder, [:]), (.charRNN, language(.charRNN(vocabulary: 9), nil), [:]),
      (.charLSTM, language(.charLSTM(vocabulary: 9), 4), [:]),
      (.charGRU, language(.charGRU(vocabulary: 9), nil), [:]),
      (.wordLSTM, language(.wordLSTM(vocabulary: 9), 4), [:]), (.textCNN, text, [:]),
      (.bilstm, sentence, [:]), (.tagger, tagger, [:]), (.seq2seq, translator, [:]),
      (.caption, caption, [:]),
      (.forecast, forecast, [:]), (.parity, parity, [:]), (.adding, adding, [:]),
      (.soundCNN, sounds, [:]), (.soundGRU, spoken, ["rate": 16000]),
      (.rbm, machine, [:]), (.dbn, belief, [:]),
    ] + classics
  }

  @Test func sizesFollowFromTheWeights() throws {
    #expect(Set(Self.models.map(\.0)) == Set(ArchitectureName.allCases))
    for (name, architecture, sizes) in Self.models {
      let model = try architecture.model(seed: 3)
      // Like PyTorch's, a checkpoint does not have constants that are not weights.
      var weights = try Weights(of: model)
      weights.entries.removeAll { $0.elementType == .int64 }
      let built = try name.model(for: weights, sizes: sizes)
      var options = BindingOptions()
      options.matchesByOrder = true
      let (bound, report) = try built.bound(to: weights, options)
      try report.checkComplete()
      #expect(
        bound.graph.initializers.map(\.tensor) == model.graph.initializers.map(\.tensor),
        "\(name)")
    }
  }

  @Test func aSizeThatDoesNotFollowMustBeStated() throws {
    var mlp = MLP()
    (mlp.height, mlp.width) = (3, 5)
    let weights = try Weights(of: mlp.model())
    let error = #expect(throws: ConversionError.self) {
      try ArchitectureName.mlp.model(for: weights)
    }
    #expect(error?.description.contains("--size") == true)
    let sizes = ["channels": 1, "height": 3, "width": 5]
    #expect(throws: Never.self) { try ArchitectureName.mlp.model(for: weights, sizes: sizes) }
    #expect(throws: ConversionError.self) {
      try ArchitectureName.mlp.model(for: weights, sizes: ["wheels": 4])
    }
  }

  @Test(arguments: ArchitectureName.allCases)
  func weightsOfSomethingElseAreRefused(name: ArchitectureName) {
    let odd: [Weights] = [
      Weights([]), Weights([.init("weight", Tensor(shape: [0, 0], [] as [Float]))]),
      Weights([
        .init("a.weight", Tensor(shape: [1, 0, 3, 3], [] as [Float])),
        .init("r.weight_ih_l0", Tensor(shape: [0, 1], [] as [Float])),
        .init("b.weight", Tensor(shape: [1, 1], [1] as [Float])),
        .init("c.weight", Tensor(shape: [1, 1], [1] as [Float])),
      ]),
    ]
    for weights in odd { _ = try? name.model(for: weights) }
    #expect(throws: ConversionError.self) { try name.model(for: odd[0]) }
  }
}
