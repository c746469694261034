/// Every operator type, one line each. A test holds this list against the folder.
enum Operators {
  static let all: [any Operator.Type] = [
    // Math
    Relu.self,

    // Network

    // Recurrent
    GRU.self,
    LSTM.self,
    RNN.self,

    // Shape
    Reshape.self,

    // Control
  ]
}
