import ONNX
import ToolSupport

/// The recipes for models that continue a text.
func languageRecipe(
  _ kind: NewCommand.Kind, _ arguments: TrainingArguments, _ sizes: SizeArguments
) throws -> Recipe {
  let path = try arguments.requiredData(kind.rawValue)
  let isWords = kind == .wordLSTM
  let corpus = try TextCorpus(
    contentsOf: path, unit: isWords ? .word : .character, minimumCount: isWords ? 3 : 1)
  let vocabulary = corpus.vocabulary
  let steps = sizes.steps ?? (isWords ? 35 : 50)
  let metadata = [MetadataEntry(key: Vocabulary.metadataKey, value: vocabulary.json)]
  let architecture: any Architecture
  switch kind {
  case .charRNN:
    var net = CharRNN(vocabulary: vocabulary.count)
    (net.embedding, net.hidden, net.layers) = sizes.language(net.embedding)
    architecture = net
  case .charGRU:
    var net = CharGRU(vocabulary: vocabulary.count)
    (net.embedding, net.hidden, net.layers) = sizes.language(net.embedding)
    architecture = net
  case .charLSTM:
    var net = CharLSTM(vocabulary: vocabulary.count)
    (net.embedding, net.hidden, net.layers) = sizes.language(net.embedding)
    architecture = net
  default:
    var net = WordLSTM(vocabulary: vocabulary.count)
    (net.embedding, net.hidden, net.layers) = sizes.language(net.embedding, hidden: net.hidden)
    architecture = net
  }
  var options = TrainingOptions()
  options.clipNorm = 5
  options.states = ["h": "h_out"]
  if kind == .charLSTM || isWords { options.states["c"] = "c_out" }
  var settings = TrainingSettings()
  settings.epochs = 20
  settings.rate = .oneCycle(peak: kind == .charRNN ? 2e-3 : 5e-3)
  settings.keepsBest = isWords
  let names = ["tokens": "tokens", "targets": Loss.labels]
  return Recipe(
    model: try architecture.model(seed: arguments.seed, metadata: metadata), options: options,
    settings: settings,
    training: try TokenStreams(
      corpus.train, streams: arguments.batch ?? 50, window: steps, dropsRest: true
    ).renamed(names),
    validation: try TokenStreams(
      corpus.validation, streams: min(20, max(1, corpus.validation.count / 200)), window: 100
    ).renamed(names),
    measure: .perplexity)
}

extension SizeArguments {
  fileprivate func language(
    _ embedding: Int?, hidden: Int = 128
  ) -> (embedding: Int?, hidden: Int, layers: Int) {
    let stated = self.embedding ?? embedding ?? 0
    return (stated == 0 ? nil : stated, self.hidden ?? hidden, layers ?? 2)
  }
}

/// The recipes for sentences of good or bad opinion. One fold of ten is the test, and a tenth of the
/// others decides when to stop.
func sentenceRecipe(
  _ kind: NewCommand.Kind, _ arguments: TrainingArguments, _ sizes: SizeArguments
) throws -> Recipe {
  // Words that stand there once teach nothing about others.
  let folder = try PolarityFolder(arguments.requiredData(kind.rawValue), minimumCount: 2)
  var padding = SequenceDataset.Padding()
  padding.multiple = 4
  if kind == .textCNN {
    // Windows of five words see every word in every place.
    padding.before = 4
    padding.minimumLength = 8
  }
  let data = try folder.dataset(padding: padding)
  let metadata = [MetadataEntry(key: Vocabulary.metadataKey, value: folder.vocabulary.json)]
  // The folds are the same for every seed, so that ten trainings test on everything once.
  let fold = try data.folds(10, seed: 0)[sizes.fold ?? 0]
  var random = RandomStream(seed: arguments.seed, name: "validation")
  let order = fold.train.examples.shuffled(using: &random)
  let kept = order.count / 10
  let size = arguments.batch ?? 50

  var options = TrainingOptions()
  var settings = TrainingSettings()
  settings.keepsBest = true
  settings.bestIs = .mostAccurate
  var names = ["tokens": "tokens", "labels": Loss.labels]
  let model: Model
  switch kind {
  case .textCNN:
    var net = TextCNN(vocabulary: folder.vocabulary.count)
    net.embeddingDropout = 0.3
    if let embedding = sizes.embedding, embedding > 0 { net.embedding = embedding }
    model = try net.model(seed: arguments.seed, metadata: metadata)
    // Kim trains with Adadelta; Adam gets as far in fewer epochs.
    options.maxNorms = [MaxNorm("output.weight", limit: 3, axis: 1)]
    settings.rate = .constant(1e-3)
    settings.epochs = 5
  default:
    var net = BiLSTM(vocabulary: folder.vocabulary.count)
    if let hidden = sizes.hidden { net.hidden = hidden }
    if let embedding = sizes.embedding, embedding > 0 { net.embedding = embedding }
    model = try net.model(seed: arguments.seed, metadata: metadata)
    options.clipNorm = 5
    settings.rate = .constant(1e-3)
    settings.epochs = 8
    names["lengths"] = "lengths"
  }
  func batches(_ examples: ArraySlice<Int>) -> any BatchSource {
    BucketedBatches(data, examples: Array(examples), size: size, seed: arguments.seed)
      .renamed(names)
  }
  return Recipe(
    model: model, options: options, settings: settings,
    training: ForgottenWords(
      batches(order.dropLast(kept)), share: 0.3, as: folder.vocabulary.unknownNumber ?? 0,
      seed: arguments.seed), validation: batches(order.suffix(kept)),
    test: batches(fold.test.examples[...]), measure: .accuracy)
}

/// Batches in which some of the words are unknown, others each time: what is learnt cannot lean on
/// single words, of which most are rare.
private struct ForgottenWords: BatchSource {
  private let source: any BatchSource
  private let share: Double
  private let unknown: Int
  private let seed: UInt64

  init(_ source: any BatchSource, share: Double, as unknown: Int, seed: UInt64) {
    self.source = source
    self.share = share
    self.unknown = unknown
    self.seed = seed
  }

  var batchCount: Int { source.batchCount }

  func batch(epoch: Int, index: Int) throws -> Batch {
    var batch = try source.batch(epoch: epoch, index: index)
    guard let tokens = batch.tensors["tokens"] else { return batch }
    var random = RandomStream(seed: seed, UInt64(epoch), UInt64(index))
    let numbers = try tokens.array(as: Int64.self).map { number in
      // Padding, number 0, stays.
      random.uniform() < share && number != 0 ? Int64(unknown) : number
    }
    batch.tensors["tokens"] = Tensor(shape: tokens.shape, numbers)
    return batch
  }
}
