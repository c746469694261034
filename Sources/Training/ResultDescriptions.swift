import ONNXSupport

extension StepResult: CustomStringConvertible {
  /// The numbers with their names, as in `loss 0.1234, accuracy 0.98`.
  public var description: String {
    described([("loss", loss), ("accuracy", accuracy)], metrics)
  }
}

extension EpochRecord: CustomStringConvertible {
  /// The epoch and its results, as in `epoch 3: loss 0.1234, validation loss 0.1301`.
  public var description: String {
    "epoch \(epoch): "
      + described(
        [
          ("loss", loss), ("accuracy", accuracy), ("validation loss", validationLoss),
          ("validation accuracy", validationAccuracy),
        ], metrics)
  }
}

private func described(_ numbers: [(String, Double?)], _ metrics: [String: Double]) -> String {
  (numbers + metrics.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    .compactMap { name, value in value.map { "\(name) \(formatted($0, "%.4g"))" } }
    .joined(separator: ", ")
}
