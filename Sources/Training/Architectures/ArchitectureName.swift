/// The models that the tools know by name.
public enum ArchitectureName: String, Sendable, CaseIterable {
  case mlp, lenet5
  case resnetSmall = "resnet-small"
  case charRNN = "char-rnn"
  case charLSTM = "char-lstm"
  case charGRU = "char-gru"
  case wordLSTM = "word-lstm"
  case textCNN = "text-cnn"
  case bilstm, seq2seq, caption, autoencoder, forecast, parity, adding
}
