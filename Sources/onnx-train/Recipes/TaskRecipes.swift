import ONNX
import ToolSupport

/// The recipes for sequences of numbers, which make their own data.
func sequenceRecipe(
  _ kind: NewCommand.Kind, _ arguments: TrainingArguments, _ sizes: SizeArguments
) throws -> Recipe {
  let seed = arguments.seed
  let size = arguments.batch ?? 64
  let cell = RecurrentKind(rawValue: sizes.cell ?? "lstm") ?? .lstm
  var options = TrainingOptions()
  options.clipNorm = 1
  var settings = TrainingSettings()
  settings.epochs = 20
  switch kind {
  case .parity:
    var net = Parity()
    net.kind = cell
    if let hidden = sizes.hidden { net.hidden = hidden }
    settings.rate = .oneCycle(peak: 1e-2)
    let names = ["bits": "bits", "lengths": "lengths", "labels": Loss.labels]
    return Recipe(
      model: try net.model(seed: seed), options: options, settings: settings,
      training: ParityTask(lengths: 1...20, size: size, batchCount: 250, seed: seed)
        .renamed(names),
      test: ParityTask(
        lengths: 100...100, size: 200, batchCount: 5, seed: seed &+ 1
      ).renamed(names), measure: .accuracy)
  case .adding:
    var net = Adding()
    net.kind = cell
    if let hidden = sizes.hidden { net.hidden = hidden }
    options.loss = .meanSquaredError
    settings.rate = .oneCycle(peak: 2e-3)
    let names = ["pairs": "sequence", "sums": Loss.labels]
    let steps = sizes.steps ?? 100
    let model = try net.model(seed: seed)
    let test = AddingTask(length: steps, size: 200, batchCount: 5, seed: seed &+ 1)
    let sequences = try test.batch(epoch: 0, index: 0).tensors["pairs"]
    return Recipe(
      model: model, options: options, settings: settings,
      training: AddingTask(length: steps, size: size, batchCount: 250, seed: seed)
        .renamed(names),
      test: test.renamed(names), measure: .loss,
      finish: {
        try writeGradientNorms(from: model, to: $0, sequences, input: "sequence", beside: $1)
      })
  default:
    let horizon = 10
    let task = ForecastTask(past: sizes.steps ?? 50, future: horizon, seed: seed)
    let (training, test) = try task.split()
    var net = Forecast()
    net.horizon = horizon
    if let hidden = sizes.hidden { net.hidden = hidden }
    if let layers = sizes.layers { net.layers = layers }
    options.loss = .meanSquaredError
    settings.rate = .oneCycle(peak: 5e-3)
    let names = ["past": "series", "future": Loss.labels]
    return Recipe(
      model: try net.model(seed: seed), options: options, settings: settings,
      training: training.batches(size: size, seed: seed).renamed(names),
      test: test.batches(size: 200, seed: nil).renamed(names), measure: .loss,
      finish: { try writeForecast($0, test, beside: $1) })
  }
}

/// The recipes for models that write a sequence: strings from strings, sentences about pictures.
func decoderRecipe(
  _ kind: NewCommand.Kind, _ arguments: TrainingArguments, _ sizes: SizeArguments
) throws -> Recipe {
  let seed = arguments.seed
  let size = arguments.batch ?? 64
  var options = TrainingOptions()
  options.clipNorm = 1
  var settings = TrainingSettings()
  settings.rate = .oneCycle(peak: 5e-3)
  settings.epochs = 10
  if kind == .seq2seq {
    let task = try StringTask(.date, size: size, batchCount: 300, seed: seed)
    var net = SequenceToSequence(
      sourceVocabulary: task.vocabulary.count, targetVocabulary: task.vocabulary.count)
    if let hidden = sizes.hidden { net.hidden = hidden }
    let names = ["source": "source", "input": "target", "target": Loss.labels]
    let test = try StringTask(.date, size: 100, batchCount: 10, seed: seed &+ 1)
    return Recipe(
      model: try net.model(
        seed: seed,
        metadata: [MetadataEntry(key: Vocabulary.metadataKey, value: task.vocabulary.json)]),
      options: options, settings: settings, training: task.renamed(names),
      test: test.renamed(names), measure: .accuracy,
      judge: { model in
        try exactMatches(
          model, test, given: ["source": "source"], written: "target",
          start: test.startNumber, end: test.endNumber)
      })
  }
  let task = try CaptionTask(size: size, batchCount: 150, seed: seed)
  var net = Caption(vocabulary: task.vocabulary.count)
  (net.channels, net.height, net.width) = (3, task.side, task.side)
  if let hidden = sizes.hidden { net.hidden = hidden }
  let names = ["image": "image", "input": "tokens", "target": Loss.labels]
  let test = try CaptionTask(size: 100, batchCount: 5, seed: seed &+ 1)
  return Recipe(
    model: try net.model(
      seed: seed,
      metadata: [MetadataEntry(key: Vocabulary.metadataKey, value: task.vocabulary.json)]),
    options: options, settings: settings, training: task.renamed(names),
    test: test.renamed(names), measure: .accuracy,
    judge: { model in
      try exactMatches(
        model, test, given: ["image": "image"], written: "tokens", start: test.startNumber,
        end: test.endNumber)
    })
}

/// The share of sequences that a model writes without a mistake, each token the likeliest after
/// those it wrote itself.
/// - Parameters:
///   - given: the graph's input by the data's name
///   - written: the graph's input for what is written so far
private func exactMatches(
  _ model: Model, _ data: any BatchSource, given: [String: String], written: String, start: Int,
  end: Int
) throws -> Double {
  let session = try Session(model)
  var (right, count) = (0, 0)
  for index in 0..<data.batchCount {
    let batch = try data.batch(epoch: 0, index: index)
    guard let wanted = batch.tensors["target"] else { continue }
    var inputs: [String: Tensor] = [:]
    for (name, input) in given { inputs[input] = batch.tensors[name] }
    let (rows, columns) = (wanted.shape[0], wanted.shape[1])
    var texts = [[Int64]](repeating: [Int64(start)], count: rows)
    for column in 0..<columns {
      inputs[written] = Tensor(shape: [rows, column + 1], texts.flatMap { $0 })
      guard let scores = try session.run(inputs)["logits"] else { break }
      let size = scores.shape[2]
      let numbers = scores.elements(as: Float.self)
      withExtendedLifetime(scores) {
        for row in 0..<rows {
          let last = numbers[
            (row * (column + 1) + column) * size..<(row * (column + 1) + column + 1) * size]
          let best = last.indices.max { last[$0] < last[$1] } ?? last.startIndex
          texts[row].append(Int64(best - last.startIndex))
        }
      }
    }
    let targets = try wanted.array(as: Int64.self)
    for row in 0..<rows {
      let target = targets[row * columns..<(row + 1) * columns].prefix { $0 != Loss.ignored }
      if texts[row].dropFirst().prefix(target.count).elementsEqual(target) { right += 1 }
      count += 1
    }
  }
  return count > 0 ? Double(right) / Double(count) : 0
}
