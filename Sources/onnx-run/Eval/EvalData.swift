import ONNXAudio
import ONNXFormat
import ONNXInterpreter
import ONNXText
import ONNXTraining
import ToolSupport

/// The examples of a data set for a model.
struct EvalData {
  /// The content of the data set.
  enum Content {
    /// Examples with the tensor of labels or targets; `nil` for none.
    case examples(any ExampleSource, labels: String?)
    /// Windows of a text, whose targets are the next tokens.
    case text([Int32])
    /// Sentences with a tag for each word.
    case tags(TaggedDataset, Vocabulary)
  }

  let content: Content
  /// The part of the data in words, such as `test data`.
  let part: String
  /// The names of the classes in the order of the labels; `nil` if the data has none, or the model
  /// has names of its own, which the labels then follow.
  private(set) var classNames: [String]?
  /// The model's label of each label of the data; `nil` if they are the same.
  private(set) var labels: [Int64]?
  private(set) var isPictures = false

  /// - Throws: `Failure` or `DataError` for data that cannot be read, or is of another kind than the
  ///   model's
  init(
    _ path: String, _ session: Session, _ choices: EvalChoices, _ reader: PictureReader
  ) throws {
    guard fileExists(path) else { throw Failure("\(path): no such file or folder") }
    func metadata(_ key: String) throws -> Vocabulary? {
      do {
        return try session.metadata.first { $0.key == key }.map { try Vocabulary(json: $0.value) }
      } catch { throw Failure("the metadata '\(key)'", error) }
    }
    let names = isFolder(path) ? try entries(of: path).filter { !$0.hasPrefix(".") } : []
    let folders = names.filter { isFolder("\(path)/\($0)") }.sorted()
    func hasFile(in folder: String, _ end: String) throws -> Bool {
      try entries(of: folder).contains { $0.lowercased().hasSuffix(end) }
    }
    let input = session.inputs.first { input in !session.states.contains { $0.name == input.name } }
    let shape = input?.type?.tensorType?.shape?.dimensions.map(\.size)

    if let tags = try metadata("tags") {
      guard let vocabulary = try metadata(Vocabulary.metadataKey) else {
        throw Failure("the model has tags, but no metadata '\(Vocabulary.metadataKey)'")
      }
      let corpus = try TaggedCorpus(path)
      let sentences: [TaggedSentence]
      switch choices.part ?? .test {
      case .training: sentences = corpus.train
      case .validation: sentences = corpus.validation
      case .test: sentences = corpus.test
      case .all: sentences = corpus.train + corpus.validation + corpus.test
      }
      part = Self.name(choices.part ?? .test)
      content = .tags(
        try TaggedDataset(
          sentences, vocabulary: vocabulary, suffixes: try metadata("suffixes") ?? vocabulary,
          tags: tags), tags)
    } else if names.contains(where: { $0.hasSuffix(".pos") || $0.hasSuffix(".pos.gz") }) {
      guard let vocabulary = try metadata(Vocabulary.metadataKey) else {
        throw Failure(
          "the model has no metadata '\(Vocabulary.metadataKey)' for the words of \(path)")
      }
      var padding = SequenceDataset.Padding()
      // Windows of five words of a convolution then cover every word; lengths leave padding out.
      padding.multiple = 4
      if !session.inputs.contains(where: { $0.type?.tensorType?.shape?.rank == 1 }) {
        (padding.before, padding.minimumLength) = (4, 8)
      }
      let data = try PolarityFolder(path, vocabulary: vocabulary).dataset(padding: padding)
      classNames = ["negative", "positive"]
      let fold = choices.part == .test ? try data.folds(10, seed: 0)[0].test : nil
      (content, part) = (
        .examples(fold ?? data.subset(Array(0..<data.count)), labels: "labels"),
        Self.name(choices.part == .test ? .test : .all)
      )
      if let wanted = choices.part, wanted != .test, wanted != .all {
        throw Failure("--part: sentences have the parts test and all")
      }
    } else if let folder = folders.first(where: { !$0.hasPrefix("_") }),
      try hasFile(in: "\(path)/\(folder)", ".wav")
    {
      let rate = try statedSampleRate(session.metadata)
      let length = shape?.last.flatMap { $0 }
      let seconds =
        choices.seconds ?? length.flatMap { length in rate.map { Double(length) / Double($0) } }
        ?? 1
      let data = try SoundFolder(path, seconds: seconds)
      if let rate, rate != data.rate {
        throw Failure(
          "\(path): the model expects \(rate) samples per second, the first recording has \(data.rate)"
        )
      }
      classNames = data.classNames
      var parts: DataParts
      if let tests = data.tests {
        parts = DataParts(
          training: data.subset((0..<data.count).filter { !tests.contains($0) }),
          test: data.subset(tests.sorted()))
      } else {
        parts = DataParts(training: data)
      }
      let chosen = try Self.choose(&parts, choices)
      (content, part) = (.examples(chosen.source, labels: "label"), chosen.name)
    } else if isFolder(path) || path.hasSuffix(".npz") {
      let isArchive = path.hasSuffix(".npz")
      let isIDX = names.contains { $0.contains("-ubyte") }
      isPictures = !isArchive && !isIDX
      var parts: DataParts
      if isArchive {
        parts = try DataParts(npz: path)
      } else if isIDX {
        let folder = try IDXFolder(path)
        parts = DataParts(training: folder.train, test: folder.test)
      } else {
        let fixed = shape.map { $0.suffix(3).compactMap { $0 } } ?? []
        guard shape?.count == 4, let channels = shape?[1], choices.size != nil || fixed.count == 3
        else {
          throw Failure(
            "\(path): expected a model with an input [N,C,H,W], or --size for its free sizes; input "
              + "\(input?.name.quoted ?? "") is \(input?.type?.description ?? "of unknown type")")
        }
        let sizes = [channels] + (choices.size ?? Array(fixed.suffix(2)))
        (parts, classNames) = try DataParts.pictures(in: path) { try reader.read($0, sizes) }
      }
      let chosen = try Self.choose(&parts, choices)
      (content, part) = (
        .examples(chosen.source, labels: isArchive ? "labels" : "label"), chosen.name
      )
    } else if [".csv", ".tsv"].contains(where: path.hasSuffix) {
      let columns = session.results.first?.type?.tensorType?.shape?.dimensions.last?.size
      let table = try CSVTable(contentsOf: path, labels: columns == 1 ? .value : .classes)
      let names = table.classNames
      // Numbers are the labels themselves.
      if !names.isEmpty, names.contains(where: { Int($0) == nil }) {
        classNames = names
      } else {
        labels = names.isEmpty ? nil : names.compactMap { Int64($0) }
      }
      var parts = DataParts(
        training: try TensorDataset(["features": table.features, "labels": table.labels]))
      let chosen = try Self.choose(&parts, choices)
      (content, part) = (.examples(chosen.source, labels: "labels"), chosen.name)
    } else {
      guard let vocabulary = try metadata(Vocabulary.metadataKey) else {
        throw Failure(
          "\(path): expected a folder, a .npz file or a table, or a model with the metadata "
            + "'\(Vocabulary.metadataKey)' for a text")
      }
      let corpus = try TextCorpus(contentsOf: path, vocabulary: vocabulary)
      switch choices.part ?? .all {
      case .training: content = .text(corpus.train)
      // A text has one part that is not trained on.
      case .validation, .test: content = .text(corpus.validation)
      case .all: content = .text(corpus.train + corpus.validation)
      }
      part = Self.name(choices.part ?? .all)
    }
    try matchClasses(ClassNames.stated(in: session.metadata), path)
  }

  private static func name(_ part: EvalPart) -> String {
    part == .all ? "whole" : "\(part.rawValue) data"
  }

  /// The examples of the chosen part.
  private static func choose(
    _ parts: inout DataParts, _ choices: EvalChoices
  ) throws -> (source: any ExampleSource, name: String) {
    switch choices.part {
    case .test:
      if parts.test == nil { try parts.setTestAside(seed: choices.seed) }
      guard let test = parts.test else {
        throw Failure("--part test: no class has the 10 examples of which one would be for testing")
      }
      return (test, name(.test))
    case .validation:
      guard let validation = parts.validation else {
        throw Failure("--part validation: the data has no validation part")
      }
      return (validation, name(.validation))
    case .training:
      // Data without parts gives a tenth for testing.
      if parts.test == nil, parts.validation == nil { try parts.setTestAside(seed: choices.seed) }
      return (parts.training, name(.training))
    case .all:
      guard parts.test == nil, parts.validation == nil else {
        throw Failure("--part all: the data has parts; choose training, validation or test")
      }
    case nil:
      if let test = parts.test { return (test, name(.test)) }
      if let validation = parts.validation { return (validation, name(.validation)) }
    }
    return (parts.training, name(.all))
  }

  /// Maps the labels of the data's classes to those of the model's classes of the same names.
  private mutating func matchClasses(_ known: [String], _ path: String) throws(Failure) {
    guard !known.isEmpty, let names = classNames, names != known else { return }
    var numbers: [Int64] = []
    for name in names {
      guard let place = known.firstIndex(of: name) else {
        throw Failure(
          "\(path): the model has no class \(name.quoted)\(hint(forPattern: name, known))")
      }
      numbers.append(Int64(place))
    }
    (labels, classNames) = (numbers, nil)
  }
}
