import ONNX

extension ArchitectureName {
  /// The model of this architecture whose sizes match the weights.
  /// - Parameters:
  ///   - weights: the weights; only their names and shapes are read
  ///   - sizes: sizes that do not follow from the weights, or that replace them, by name
  /// - Throws: `ConversionError` where a size is neither given nor follows, or a name is unknown
  public func model(
    for weights: Weights, sizes: [String: Int] = [:]
  ) throws(ConversionError) -> Model {
    var shapes = ArchitectureShapes(weights, stated: sizes, name: rawValue)
    let architecture = try architecture(&shapes)
    try shapes.checkNames()
    do throws(ModelError) { return try architecture.model() } catch {
      throw ConversionError("\(rawValue): \(error)")
    }
  }

  private func architecture(
    _ shapes: inout ArchitectureShapes
  ) throws(ConversionError) -> any Architecture {
    switch self {
    case .mlp: try shapes.mlp()
    case .lenet5: try shapes.lenet5()
    case .resnetSmall: try shapes.resnetSmall()
    case .alexnet, .zfnet, .vgg11, .vgg16, .vgg19, .googlenet, .resnet18, .resnet50:
      try shapes.classic(classicNetwork)
    case .autoencoder: try shapes.autoencoder()
    case .charRNN: try shapes.language(.charRNN(vocabulary: try shapes.vocabulary()))
    case .charLSTM: try shapes.language(.charLSTM(vocabulary: try shapes.vocabulary()))
    case .charGRU: try shapes.language(.charGRU(vocabulary: try shapes.vocabulary()))
    case .wordLSTM: try shapes.language(.wordLSTM(vocabulary: try shapes.vocabulary()))
    case .textCNN: try shapes.textCNN()
    case .bilstm: try shapes.bilstm()
    case .tagger: try shapes.tagger()
    case .seq2seq: try shapes.sequenceToSequence()
    case .caption: try shapes.caption()
    case .rbm: try shapes.boltzmannMachine()
    case .dbn: try shapes.deepBeliefNetwork()
    case .forecast: try shapes.forecast()
    case .parity: try shapes.parity()
    case .adding: try shapes.adding()
    case .soundCNN: try shapes.soundCNN()
    case .soundGRU: try shapes.soundGRU()
    }
  }
}
