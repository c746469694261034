/// A network, with data and settings that suit it, to begin with.
struct TrainPreset: Encodable, Sendable {
  let name: String
  let design: TrainDesign

  private init(
    _ name: String, _ kind: DataChoice.Kind, noise: Double = 0, _ layers: [LayerDesign],
    optimizer: TrainDesign.OptimizerKind = .adam, rate: Double = 0.01, batch: Int = 32
  ) {
    self.name = name
    design = TrainDesign(
      data: DataChoice(kind: kind, noise: noise), layers: layers, optimizer: optimizer, rate: rate,
      batch: batch)
  }

  /// The presets, the first of which the page opens with.
  static let all = [
    TrainPreset(
      "Spirals", .spirals, noise: 0.1,
      [
        LayerDesign(.dense, units: 12), LayerDesign(.tanh),
        LayerDesign(.dense, units: 8), LayerDesign(.tanh),
      ]),
    TrainPreset(
      "Small convolutional network", .digits,
      [
        LayerDesign(.convolution, units: 8, size: 5, stride: 1, padding: 2), LayerDesign(.relu),
        LayerDesign(.maxPool, size: 2, stride: 2),
        LayerDesign(.convolution, units: 16, size: 5, stride: 1, padding: 2), LayerDesign(.relu),
        LayerDesign(.maxPool, size: 3, stride: 3),
      ], rate: 0.003, batch: 20),
    TrainPreset(
      "LeNet-5", .digits,
      [
        LayerDesign(.convolution, units: 6, size: 5, stride: 1, padding: 2), LayerDesign(.tanh),
        LayerDesign(.averagePool, size: 2, stride: 2),
        LayerDesign(.convolution, units: 16, size: 5, stride: 1, padding: 0), LayerDesign(.tanh),
        LayerDesign(.averagePool, size: 2, stride: 2),
        LayerDesign(.dense, units: 120), LayerDesign(.tanh),
        LayerDesign(.dense, units: 84), LayerDesign(.tanh),
      ], rate: 0.002, batch: 20),
    TrainPreset(
      "Multilayer perceptron", .digits,
      [
        LayerDesign(.dense, units: 64), LayerDesign(.relu), LayerDesign(.dropout, ratio: 0.2),
        LayerDesign(.dense, units: 32), LayerDesign(.relu),
      ], rate: 0.003, batch: 20),
    TrainPreset(
      "LSTM over rows", .digits, [LayerDesign(.lstm, units: 48)], rate: 0.01, batch: 20),
    TrainPreset(
      "Parity of bits", .parity, [LayerDesign(.rnn, units: 16)], rate: 0.01, batch: 16),
  ]
}
