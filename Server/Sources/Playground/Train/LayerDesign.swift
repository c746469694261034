import ONNX

/// A layer as the page describes it: its kind, and those sizes that the kind has.
struct LayerDesign: Codable, Sendable, Equatable {
  /// The kinds of layers.
  enum Kind: String, Codable, Sendable, CaseIterable {
    case convolution, maxPool, averagePool, dense, relu, leakyRelu, tanh, sigmoid, maxout
    case dropout, normalization, rnn, lstm, gru

    /// Whether the layer reads a sequence step by step.
    var isRecurrent: Bool { [.rnn, .lstm, .gru].contains(self) }
  }

  var kind: Kind
  /// Filters of a convolution, units of a dense or recurrent layer, pieces of a maxout.
  var units: Int?
  /// The side of a window.
  var size: Int?
  /// The distance between windows.
  var stride: Int?
  /// The zeros around a map.
  var padding: Int?
  /// The share of values that dropout sets to 0.
  var ratio: Double?

  init(
    _ kind: Kind, units: Int? = nil, size: Int? = nil, stride: Int? = nil, padding: Int? = nil,
    ratio: Double? = nil
  ) {
    self.kind = kind
    self.units = units
    self.size = size
    self.stride = stride
    self.padding = padding
    self.ratio = ratio
  }
}

/// What is known of a layer before anything is built.
struct LayerFacts: Encodable, Sendable, Equatable {
  /// The shape of the output of one example: `[units]`, `[channels, rows, columns]` or
  /// `[steps, units]`.
  var shape: [Int]
  /// The number of parameters that are trained.
  var parameters = 0
  /// The multiplications for one example.
  var products = 0
}

/// The reason why a layer cannot follow those before it, in one sentence.
struct LayerProblem: Error, Encodable, Sendable, Equatable {
  /// The position of the layer; that of the output layer is the number of layers.
  let layer: Int
  let sentence: String
}

extension LayerDesign {
  /// The facts of the layer for an input. All sizes are bounded, so that no product overflows.
  /// - Parameter isLastRecurrent: whether no later layer reads the steps that a recurrent layer writes
  /// - Throws: the sentence of a `LayerProblem`
  func facts(after input: [Int], isLastRecurrent: Bool) throws(Sentence) -> LayerFacts {
    switch kind {
    case .relu, .leakyRelu, .tanh, .sigmoid: return LayerFacts(shape: input)
    case .dropout:
      guard let ratio, ratio >= 0, ratio <= 0.95 else {
        throw Sentence("expected a ratio from 0 to 0.95, found \(ratio.map { "\($0)" } ?? "none")")
      }
      return LayerFacts(shape: input)
    case .normalization:
      guard input.count != 2 else {
        throw Sentence("expected maps or numbers, found a sequence of \(text(input))")
      }
      return LayerFacts(shape: input, parameters: 2 * input[0])
    case .maxout:
      let pieces = try number(units, "pieces", 2...8)
      let axis = input.count == 2 ? 1 : 0
      guard input[axis] % pieces == 0 else {
        throw Sentence("\(pieces) pieces do not divide \(input[axis]) inputs")
      }
      var shape = input
      shape[axis] /= pieces
      return LayerFacts(shape: shape)
    case .dense:
      let units = try number(units, "units", 1...1024)
      let count = input.reduce(1, *)
      return LayerFacts(
        shape: [units], parameters: units * (count + 1), products: units * count)
    case .convolution:
      let filters = try number(units, "filters", 1...256)
      let window = try window(input, "convolution")
      let weights = filters * input[0] * window.size * window.size
      return LayerFacts(
        shape: [filters, window.rows, window.columns], parameters: weights + filters,
        products: weights * window.rows * window.columns)
    case .maxPool, .averagePool:
      let window = try window(input, "pool")
      return LayerFacts(shape: [input[0], window.rows, window.columns])
    case .rnn, .lstm, .gru:
      let units = try number(units, "units", 1...512)
      let sequence = try self.sequence(input)
      let gates = kind == .lstm ? 4 : kind == .gru ? 3 : 1
      return LayerFacts(
        shape: isLastRecurrent ? [units] : [sequence[0], units],
        parameters: gates * units * (sequence[1] + units + 2),
        products: sequence[0] * gates * units * (sequence[1] + units))
    }
  }

  /// The steps and their size of what a recurrent layer reads: a picture's rows, or a sequence.
  private func sequence(_ input: [Int]) throws(Sentence) -> [Int] {
    if input.count == 2 { return input }
    guard input.count == 3, input[0] == 1 else {
      throw Sentence(
        "expected a sequence, or a picture whose rows are its steps, found \(text(input))")
    }
    return Array(input.dropFirst())
  }

  private func window(
    _ input: [Int], _ what: String
  ) throws(Sentence) -> (size: Int, rows: Int, columns: Int) {
    guard input.count == 3 else {
      throw Sentence("a \(what) expects maps, found \(text(input))")
    }
    let size = try number(self.size, "size", 1...28)
    let stride = try number(self.stride ?? 1, "stride", 1...28)
    let padding = try number(self.padding ?? 0, "padding", 0...max(0, min(14, size - 1)))
    let sizes = input.dropFirst().map { $0 + 2 * padding }
    guard sizes.allSatisfy({ $0 >= size }) else {
      throw Sentence("its window of \(size) × \(size) is larger than the map of \(text(input))")
    }
    return (size, (sizes[0] - size) / stride + 1, (sizes[1] - size) / stride + 1)
  }

  private func number(
    _ value: Int?, _ name: String, _ range: ClosedRange<Int>
  ) throws(Sentence) -> Int {
    guard let value else { throw Sentence("it lacks '\(name)'") }
    guard range.contains(value) else {
      throw Sentence(
        "expected \(name) from \(range.lowerBound) to \(range.upperBound), found \(value)")
    }
    return value
  }

  private func text(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: " × ") }

  /// Adds the layer, which `facts` has accepted, to a model.
  func add(
    to x: Signal, isLastRecurrent: Bool, _ m: ModelBuilder
  ) throws(ModelError) -> Signal {
    let (units, size) = (units ?? 0, size ?? 0)
    let (stride, padding) = (PerAxis.all(stride ?? 1), Padding.both(.all(padding ?? 0)))
    switch kind {
    case .relu: return try Relu()(x, in: m)
    case .leakyRelu: return try LeakyRelu()(x, in: m)
    case .tanh: return try Tanh()(x, in: m)
    case .sigmoid: return try Sigmoid()(x, in: m)
    case .dropout: return try Dropout(ratio ?? 0)(x, in: m)
    case .normalization: return try BatchNorm()(x, in: m)
    case .dense: return try Dense(units)(x.rank > 2 ? Flatten()(x, in: m) : x, in: m)
    case .convolution:
      return try Conv2D(units, .all(size), stride: stride, padding: padding)(x, in: m)
    case .maxPool:
      return try MaxPool2D(.all(size), stride: stride, padding: padding)(x, in: m)
    case .averagePool:
      return try AveragePool2D(.all(size), stride: stride, padding: padding)(x, in: m)
    case .maxout:
      let axis = x.rank == 3 ? 2 : 1
      var sizes = Array(repeating: 0, count: x.rank)
      sizes.replaceSubrange(axis...axis, with: [try x.size(axis, for: "maxout") / units, units])
      // A size of 0 stands for that of the input at the same axis, which moves behind the new one.
      for place in sizes.indices.dropFirst(axis + 2) {
        sizes[place] = try x.size(place - 1, for: "maxout")
      }
      return try maximum(m.reshape(x, sizes), axes: [axis + 1])
    case .rnn, .lstm, .gru:
      let layer: any RecurrentLayer =
        switch kind {
        case .rnn: RNN(units)
        case .gru: GRU(units)
        default: LSTM(units, forgetBias: 1)
        }
      let steps = x.rank == 4 ? try m.squeeze(x, 1) : x
      let output = try layer.run(steps, in: m)
      return isLastRecurrent ? output.last : output.sequence
    }
  }
}

/// A sentence that explains what is wrong.
struct Sentence: Error {
  let text: String
  init(_ text: String) { self.text = text }
}
