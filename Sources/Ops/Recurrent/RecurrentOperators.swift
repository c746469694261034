import ONNXOperators
import ONNXProducts

/// The operators of this module: RNN, GRU and LSTM. A test compares the lists with the folder.
package enum RecurrentOperators {
  package static let forward: [any Operator.Type] = [
    GRU.self,
    LSTM.self,
    RNN.self,
  ]

  /// Operators of the private domain that only gradients use.
  package static let gradients: [any Operator.Type] = [
    RecurrentGrad<GRU>.self,
    RecurrentGrad<LSTM>.self,
    RecurrentGrad<RNN>.self,
    RecurrentTraining<GRU>.self,
    RecurrentTraining<LSTM>.self,
    RecurrentTraining<RNN>.self,
  ]
}
