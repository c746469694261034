import ONNX

/// Finds the sizes of an architecture from the shapes of its weights.
struct ArchitectureShapes {
  /// Names and shapes of the weights of linear layers and embeddings, in the file's order.
  let matrices: [(name: String, shape: [Int])]
  /// Names and shapes of the weights of convolutions.
  let convolutions: [(name: String, shape: [Int])]
  /// Whether there are the transitions of a linear chain.
  private let hasTransitions: Bool
  private let recurrent: [(name: String, shape: [Int])]
  private var stated: [String: Int]
  private var known: Set<String> = []
  private let name: String

  init(_ weights: Weights, stated: [String: Int], name: String) {
    func leaf(_ name: String) -> Substring {
      name.lastIndex(of: ".").map { name[name.index(after: $0)...] } ?? name[...]
    }
    let all = weights.entries.map { ($0.name, $0.shape) }
    let weightsAlone = all.filter { leaf($0.0) == "weight" }
    matrices = weightsAlone.filter { $0.1.count == 2 }
    convolutions = weightsAlone.filter { $0.1.count > 2 }
    recurrent = all.filter { leaf($0.0).hasPrefix("weight_ih_l") && !$0.0.hasSuffix("_reverse") }
    hasTransitions = all.contains { leaf($0.0) == "transitions" }
    self.stated = stated
    self.name = name
  }

  // MARK: Sizes

  /// A size that is stated, or else follows from the weights.
  /// - Throws: `ConversionError` where it is neither
  mutating func size(_ key: String, _ found: Int?) throws(ConversionError) -> Int {
    known.insert(key)
    guard let value = stated[key] ?? found else {
      throw ConversionError(
        "\(name): the size \(key) does not follow from the weights; state it with --size \(key)=NUMBER"
      )
    }
    return value
  }

  /// - Throws: `ConversionError` where a size was stated that the architecture does not have
  func checkNames() throws(ConversionError) {
    if let other = stated.keys.sorted().first(where: { !known.contains($0) }) {
      throw ConversionError(
        "\(name) has no size \(other.quoted); its sizes are \(known.sorted().joined(separator: ", "))"
      )
    }
  }

  func missing(_ what: String) -> ConversionError {
    ConversionError("\(name): the weights have no \(what)")
  }

  /// The numbers of inputs and outputs of a linear layer. A weight of this package's `MatMul` is
  /// transposed, which a known number of inputs shows.
  private func linear(
    _ entry: (name: String, shape: [Int])?, inputs: Int? = nil
  ) throws(ConversionError) -> (inputs: Int, outputs: Int) {
    guard let shape = entry?.shape else { throw missing("linear layer") }
    if let inputs, shape[1] != inputs, shape[0] == inputs { return (shape[0], shape[1]) }
    return (shape[1], shape[0])
  }

  /// The sizes of the recurrent layers.
  private func recurrence(
    gates: Int
  ) throws(ConversionError) -> (inputs: Int, hidden: Int, layers: Int) {
    guard let first = recurrent.first?.shape, first.count >= 2, gates > 0 else {
      throw missing("recurrent layer (weight_ih_l0)")
    }
    return (first[first.count - 1], first[first.count - 2] / gates, recurrent.count)
  }

  // MARK: Pictures

  /// The channels, height and width of images with `count` elements.
  private mutating func picture(
    count: Int?, channels: Int? = nil
  ) throws(ConversionError) -> (Int, Int, Int) {
    func side(_ count: Int) -> Int? {
      let side = Int(Double(count).squareRoot().rounded())
      return side * side == count ? side : nil
    }
    var channels = channels
    if channels == nil, let count {
      channels = side(count) != nil ? 1 : count % 3 == 0 && side(count / 3) != nil ? 3 : nil
    }
    let c = try size("channels", channels)
    let square = count.flatMap { c > 0 && $0 % c == 0 ? side($0 / c) : nil }
    return (c, try size("height", square), try size("width", square))
  }

  mutating func mlp() throws(ConversionError) -> MLP {
    var net = MLP()
    let sizes = matrices.map(\.shape)
    guard let first = sizes.first, let last = sizes.last else { throw missing("linear layer") }
    (net.channels, net.height, net.width) = try picture(count: first[1])
    net.hidden = sizes.dropLast().map { $0[0] }
    net.classes = try size("classes", last[0])
    return net
  }

  mutating func boltzmannMachine() throws(ConversionError) -> RestrictedBoltzmannMachine {
    var net = RestrictedBoltzmannMachine()
    guard let weight = matrices.first?.shape else { throw missing("matrix of weights") }
    (net.channels, net.height, net.width) = try picture(count: weight[1])
    net.machine.units = try size("hidden", weight[0])
    return net
  }

  mutating func deepBeliefNetwork() throws(ConversionError) -> DeepBeliefNetwork {
    let layers = try mlp()
    var net = DeepBeliefNetwork()
    (net.sizes, net.hidden, net.classes) = (layers.sizes, layers.hidden, layers.classes)
    return net
  }

  mutating func lenet5() throws(ConversionError) -> LeNet5 {
    var net = LeNet5()
    guard let first = convolutions.first?.shape, first.count <= 4 else {
      throw missing("convolution")
    }
    // The weights of a locally connected layer are [windows, channels · 25, filters].
    net.isLocal = first.count == 3
    guard matrices.count >= 2, let last = matrices.last else { throw missing("linear layer") }
    // The linear layer takes 16 maps, each with side / 4 − 2 rows and columns.
    let map = matrices[0].shape[1] / 16
    let side = Int(Double(map).squareRoot().rounded())
    let pixels = side * side == map ? 4 * (side + 2) : nil
    net.channels = try size("channels", net.isLocal ? first[1] / 25 : first[1])
    net.height = try size("height", pixels)
    net.width = try size("width", pixels)
    net.classes = try size("classes", last.shape[0])
    net.isModern = try size("modern", 0) != 0
    let hasMaxPools = try size("max-pool", 0) != 0
    switch (hasMaxPools, try size("pool-window", 2)) {
    case (false, 2): net.pool = .average2
    case (true, 2): net.pool = .max2
    case (false, 3): net.pool = .average3
    case (true, 3): net.pool = .max3
    case (_, let other):
      throw ConversionError("\(name): expected a pool-window of 2 or 3, got \(other)")
    }
    return net
  }

  mutating func resnetSmall() throws(ConversionError) -> ResNetSmall {
    var net = ResNetSmall()
    let wide = convolutions.filter { $0.shape.count == 4 && $0.shape[2] == 3 }.map(\.shape)
    guard let first = wide.first else { throw missing("convolution") }
    var filters: [Int] = []
    for shape in wide where shape[0] != filters.last { filters.append(shape[0]) }
    // After the first convolution, each block has two.
    let blocks = filters.isEmpty ? 0 : (wide.count - 1) / 2 / filters.count
    net.filters = filters
    net.blocks = try size("blocks", max(1, blocks))
    net.channels = try size("channels", first[1])
    net.height = try size("height", net.height)
    net.width = try size("width", net.width)
    net.classes = try size("classes", matrices.last?.shape[0])
    return net
  }

  mutating func autoencoder() throws(ConversionError) -> Autoencoder {
    var net = Autoencoder()
    let sizes = matrices.map(\.shape)
    guard let first = sizes.first, sizes.count >= 2, sizes.count % 2 == 0 else {
      throw missing("even number of linear layers")
    }
    (net.channels, net.height, net.width) = try picture(count: first[1])
    let half = sizes.count / 2
    net.hidden = sizes.prefix(half - 1).map { $0[0] }
    net.code = try size("code", sizes[half - 1][0])
    return net
  }

  // MARK: Texts

  /// The size of a language model's vocabulary: the outputs of its last linear layer.
  mutating func vocabulary() throws(ConversionError) -> Int {
    guard let first = recurrent.first?.shape, let last = matrices.last?.shape else {
      throw missing("recurrent and linear layer")
    }
    // Recurrent weights of rank 3 are in the standard's layout, and so is the linear layer then.
    return try size("vocabulary", first.count == 3 ? last[1] : last[0])
  }

  mutating func language(_ model: LanguageModel) throws(ConversionError) -> LanguageModel {
    var net = model
    let gates = [RecurrentKind.rnn: 1, .gru: 3, .lstm: 4][model.kind] ?? 1
    let found = try recurrence(gates: gates)
    net.hidden = try size("hidden", found.hidden)
    net.layers = try size("layers", found.layers)
    let hasTable = matrices.count > 1
    let embedding = try size("embedding", hasTable ? found.inputs : 0)
    net.embedding = embedding > 0 ? embedding : nil
    return net
  }

  mutating func textCNN() throws(ConversionError) -> TextCNN {
    guard let table = matrices.first?.shape, let last = matrices.last else {
      throw missing("embedding")
    }
    let windows = convolutions.filter { $0.shape.count >= 3 }.map(\.shape)
    guard let first = windows.first else { throw missing("convolution") }
    var net = TextCNN(vocabulary: try size("vocabulary", table[0]))
    net.embedding = try size("embedding", table[1])
    net.windows = windows.map { $0.dropFirst(2).max() ?? 1 }
    net.maps = try size("maps", first[0])
    net.classes = try size("classes", last.shape[0])
    return net
  }

  mutating func bilstm() throws(ConversionError) -> BiLSTM {
    guard let table = matrices.first?.shape, let last = matrices.last else {
      throw missing("embedding")
    }
    var net = BiLSTM(vocabulary: try size("vocabulary", table[0]))
    net.embedding = try size("embedding", table[1])
    net.hidden = try size("hidden", try recurrence(gates: 4).hidden)
    net.classes = try size("classes", last.shape[0])
    return net
  }

  /// The tables of words and, with features, of suffixes and shapes come before the linear layer.
  mutating func tagger() throws(ConversionError) -> Tagger {
    guard let words = matrices.first?.shape, let last = matrices.last else {
      throw missing("embedding")
    }
    let hidden = try size("hidden", try recurrence(gates: 4).hidden)
    let tags = last.shape[0] == 2 * hidden ? last.shape[1] : last.shape[0]
    var net = Tagger(
      vocabulary: try size("vocabulary", words[0]), tags: try size("tags", tags))
    net.embedding = try size("embedding", words[1])
    net.hidden = hidden
    net.suffixes = matrices.count == 4 ? try size("suffixes", matrices[1].shape[0]) : nil
    net.hasChain = hasTransitions
    return net
  }

  // MARK: Sequences

  mutating func forecast() throws(ConversionError) -> Forecast {
    var net = Forecast()
    let found = try recurrence(gates: 4)
    net.features = try size("features", found.inputs)
    net.hidden = try size("hidden", found.hidden)
    net.layers = try size("layers", found.layers)
    net.horizon = try size("horizon", try linear(matrices.last, inputs: net.hidden).outputs)
    return net
  }

  /// The kind and number of units of the only recurrent layer, whose outputs feed the linear layer.
  private mutating func cell() throws(ConversionError) -> (kind: RecurrentKind, hidden: Int) {
    let hidden = try linear(matrices.last).inputs
    let rows = try recurrence(gates: 1).hidden
    let kind: RecurrentKind
    switch hidden > 0 ? rows / hidden : 0 {
    case 1: kind = .rnn
    case 3: kind = .gru
    case 4: kind = .lstm
    default:
      throw ConversionError(
        "\(name): recurrent weights with \(rows) rows do not match \(hidden) units")
    }
    return (kind, try size("hidden", hidden))
  }

  mutating func parity() throws(ConversionError) -> Parity {
    var net = Parity()
    (net.kind, net.hidden) = try cell()
    return net
  }

  mutating func adding() throws(ConversionError) -> Adding {
    var net = Adding()
    (net.kind, net.hidden) = try cell()
    return net
  }

  mutating func soundCNN() throws(ConversionError) -> SoundCNN {
    var net = SoundCNN()
    let filters = convolutions.filter { $0.shape.count == 4 }.map { $0.shape[0] }
    guard !filters.isEmpty else { throw missing("convolution") }
    net.filters = filters
    net.rate = try size("rate", net.rate)
    net.classes = try size("classes", matrices.last?.shape[0])
    return net
  }

  mutating func soundGRU() throws(ConversionError) -> SoundGRU {
    var net = SoundGRU()
    net.hidden = try size("hidden", try recurrence(gates: 3).hidden)
    net.rate = try size("rate", net.rate)
    net.classes = try size("classes", matrices.last?.shape[0])
    return net
  }

  mutating func sequenceToSequence() throws(ConversionError) -> SequenceToSequence {
    let hidden = try recurrence(gates: 3).hidden
    guard matrices.count >= 2 else { throw missing("two embeddings") }
    var net = SequenceToSequence(
      sourceVocabulary: try size("source-vocabulary", matrices[0].shape[0]),
      targetVocabulary: try size("target-vocabulary", matrices[1].shape[0]))
    net.embedding = try size("embedding", matrices[0].shape[1])
    net.hidden = try size("hidden", hidden)
    return net
  }

  mutating func caption() throws(ConversionError) -> Caption {
    let filters = convolutions.filter { $0.shape.count == 4 }.map(\.shape)
    guard let first = filters.first, matrices.count >= 2 else { throw missing("convolution") }
    // The first matrix is the encoder's linear layer, the second the decoder's embedding.
    var net = Caption(vocabulary: try size("vocabulary", matrices[1].shape[0]))
    net.filters = filters.map { $0[0] }
    net.channels = try size("channels", first[1])
    let map = matrices[0].shape[1] / max(1, filters.last?[0] ?? 1)
    let side = Int(Double(map).squareRoot().rounded()) << filters.count
    net.height = try size("height", side)
    net.width = try size("width", side)
    net.features = try size("features", matrices[0].shape[0])
    net.embedding = try size("embedding", matrices[1].shape[1])
    net.hidden = try size("hidden", try recurrence(gates: 3).hidden)
    return net
  }
}
