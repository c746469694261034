/// The model architectures of `onnx-train new` and `onnx-convert --architecture`.
public enum ArchitectureName: String, Sendable, CaseIterable {
  /// A multilayer perceptron for pictures.
  case mlp
  /// LeNet-5.
  case lenet5
  /// A small residual network.
  case resnetSmall = "resnet-small"
  /// AlexNet.
  case alexnet
  /// ZFNet.
  case zfnet
  /// VGG with 11 layers.
  case vgg11
  /// VGG with 16 layers.
  case vgg16
  /// VGG with 19 layers.
  case vgg19
  /// GoogLeNet.
  case googlenet
  /// ResNet with 18 layers.
  case resnet18
  /// ResNet with 50 layers.
  case resnet50
  /// A character model of simple recurrent layers.
  case charRNN = "char-rnn"
  /// A character model of LSTM layers.
  case charLSTM = "char-lstm"
  /// A character model of GRU layers.
  case charGRU = "char-gru"
  /// A word model of LSTM layers.
  case wordLSTM = "word-lstm"
  /// A convolutional sentence classifier.
  case textCNN = "text-cnn"
  /// A sentence classifier with a bidirectional LSTM.
  case bilstm
  /// A tagger of words: a conditional random field over a bidirectional LSTM.
  case tagger
  /// A translator of token sequences.
  case seq2seq
  /// A model that describes pictures.
  case caption
  /// An autoencoder for pictures.
  case autoencoder
  /// A restricted Boltzmann machine for pictures.
  case rbm
  /// A deep belief network that classifies pictures.
  case dbn
  /// A forecaster of time series.
  case forecast
  /// A classifier of bit strings by parity.
  case parity
  /// A convolutional classifier of sounds.
  case soundCNN = "sound-cnn"
  /// A recurrent classifier of sounds.
  case soundGRU = "sound-gru"
  /// A model for the adding problem.
  case adding
}

extension ArchitectureName {
  /// The networks of the ImageNet challenge, at their original sizes.
  package var classicNetwork: (any ClassicNetwork)? {
    switch self {
    case .alexnet: AlexNet()
    case .zfnet: ZFNet()
    case .vgg11: VGG.vgg11
    case .vgg16: VGG.vgg16
    case .vgg19: VGG.vgg19
    case .googlenet: GoogLeNet()
    case .resnet18: ResNet.resnet18
    case .resnet50: ResNet.resnet50
    default: nil
    }
  }
}
