import ONNXFormat
import ONNXInterpreter
import ONNXText
import ONNXTraining
import ToolSupport

/// Runs a model on the examples of a data set.
struct EvalRun {
  private let session: Session
  private let output: String
  private let batch: Int
  /// The inputs that are not states.
  private let inputs: [ValueInfo]

  /// - Parameter output: the output with the scores; `nil` for `logits` or the first one
  /// - Throws: `Failure` for an unknown output
  init(_ session: Session, output: String?, batch: Int) throws(Failure) {
    self.session = session
    let names = session.outputs.map(\.name)
    if let output, !names.contains(output) { throw unknownName(output, "output", among: names) }
    let results = session.results.map(\.name)
    self.output =
      output ?? (results.contains("logits") ? "logits" : results.first ?? names.first ?? "")
    let states = Set(session.states.map(\.name))
    inputs = session.inputs.filter { !states.contains($0.name) }
    // A model of a fixed batch size takes that many examples.
    self.batch = inputs.first?.type?.tensorType?.shape?.dimensions.first?.size ?? batch
  }

  /// - Parameter judge: computes the result of a tagger
  func scores(
    _ data: EvalData, judge: (any BatchSource, Vocabulary) throws -> TagScore
  ) throws -> EvalScores {
    switch data.content {
    case .examples(let source, let labels):
      return try scores(source, labels: labels, data.labels)
    case .text(let tokens): return try scores(tokens)
    case .tags(let source, let tags):
      let used = Set(inputs.map(\.name))
      var names = ["labels": Loss.labels]
      for name in ["tokens", "lengths", "suffixes", "shapes"] where used.contains(name) {
        names[name] = name
      }
      var scores = EvalScores()
      scores.examples = source.count
      scores.tags = try judge(
        source.batches(size: batch, seed: nil).renamed(names), tags)
      scores.marksChunks = TagScore.marksChunks(tags.tokens)
      return scores
    }
  }

  /// Checks that a batch of the model's size fits the memory limit.
  private func checkBatch() throws(Failure) {
    let sizes = inputs.first?.type?.tensorType?.shape?.dimensions.dropFirst().map { $0.size ?? 1 }
    let count = ([batch] + (sizes ?? [])).elementCount
    guard batch <= 1 << 20, let count, count <= session.memoryLimit / 8 else {
      throw Failure(
        "a batch of \(batch) examples does not fit the memory limit of \(session.memoryLimit) bytes"
      )
    }
  }

  private func scores(
    _ source: any ExampleSource, labels: String?, _ mapping: [Int64]?
  ) throws -> EvalScores {
    guard batch > 0 else { throw Failure("the model takes no examples: its batch size is 0") }
    try checkBatch()
    var scores = EvalScores()
    var progress = Progress()
    for start in stride(from: 0, to: source.count, by: batch) {
      let indices = Array(start..<min(start + batch, source.count))
      let isFixed = inputs.first?.type?.tensorType?.shape?.dimensions.first?.size != nil
      // The rest of a batch of fixed size repeats an example, which does not count.
      let filling = isFixed ? Array(repeating: start, count: batch - indices.count) : []
      let batch = try source.batch(of: indices + filling)
      let given = try given(batch, labels: labels)
      let results = try session.run(values: given)
      guard let result = results[output]?.tensor else {
        throw Failure("the output \(output.quoted) is not a tensor")
      }
      var targets = labels.flatMap { batch.tensors[$0] }
      if let mapping { targets = try targets.map { try mapped($0, mapping) } }
      // Rows of numbers are classified even if there are as many of them as classes.
      let hasMaps = batch.tensors.values.contains { $0.shape.count > 2 }
      try scores.add(
        result, targets, input: hasMaps ? given[inputs[0].name]?.tensor : nil,
        count: indices.count)
      scores.examples += indices.count
      progress.update("\(scores.examples) of \(source.count) examples")
    }
    progress.clear()
    return scores
  }

  private func mapped(_ labels: Tensor, _ mapping: [Int64]) throws -> Tensor {
    Tensor(
      shape: labels.shape,
      try labels.array(as: Int64.self).map { label in
        label >= 0 && label < mapping.count ? mapping[Int(label)] : label
      })
  }

  /// The inputs of the model from a batch: by name, else the data of the batch for the only input.
  private func given(_ batch: Batch, labels: String?) throws -> [String: Value] {
    let parts = batch.tensors.filter { $0.key != labels }
    var given: [String: Value] = [:]
    for info in inputs {
      let names = [info.name, "image", "features", "audio", "tokens"]
      let isLengths = info.type?.tensorType?.shape?.rank == 1 && parts["lengths"] != nil
      let name = (isLengths && parts[info.name] == nil ? ["lengths"] : names)
        .first { parts[$0] != nil }
      guard let name, let tensor = parts[name] else {
        throw Failure(
          "the data has nothing for the input \(info.name.quoted) "
            + (info.type?.description ?? "of unknown type"))
      }
      given[info.name] = try fitted(tensor, to: info)
    }
    return given
  }

  /// A tensor in the shape and element type of an input, if it has as many elements in each example.
  private func fitted(_ tensor: Tensor, to info: ValueInfo) throws -> Value {
    guard let type = info.type?.tensorType else { return .tensor(tensor) }
    var tensor = tensor
    if let shape = type.shape, shape.rank != tensor.shape.count, let count = tensor.shape.first {
      let rest = shape.dimensions.dropFirst().map(\.size)
      let sizes = rest.compactMap { $0 }
      if sizes.count == rest.count, let product = ([count] + sizes).elementCount,
        product == tensor.count
      {
        tensor = try tensor.reshaped(to: [count] + sizes)
      } else {
        throw Failure("the input \(info.name.quoted) is \(type), the data has \(tensor.type)")
      }
    }
    return try Value.tensor(tensor).cast(to: type.elementType)
  }

  /// The scores of a language model, whose states go from window to window.
  private func scores(_ tokens: [Int32]) throws -> EvalScores {
    guard inputs.count == 1, let input = inputs.first, let type = input.type?.tensorType,
      type.shape?.rank ?? 2 == 2
    else {
      throw Failure(
        "expected one input of tokens, integers [N,T], and states, found "
          + session.inputs.map { "\($0.name.quoted) \($0.type?.description ?? "?")" }
          .joined(separator: ", "))
    }
    let rows = type.shape?.dimensions.first
    let fixed = type.shape?.dimensions.last?.size
    let streams = rows?.size ?? min(20, max(1, tokens.count / 200))
    let source = try TokenStreams(
      tokens, streams: streams, window: fixed ?? 100, dropsRest: fixed != nil)
    var states: [String: Value] = [:]
    for state in session.states {
      guard let type = state.type?.tensorType, let shape = type.shape else {
        throw Failure("the state \(state.name.quoted) has no declared type")
      }
      let sizes = shape.map { $0.size ?? ($0 == rows ? streams : 1) }
      guard let count = sizes.elementCount, count <= session.memoryLimit / 8 else {
        throw Failure("not enough memory for the state \(state.name.quoted)")
      }
      states[state.name] = try .tensor(
        Tensor(Float.self, shape: sizes) { $0.update(repeating: 0) }
      ).cast(to: type.elementType)
    }
    var scores = EvalScores()
    scores.isText = true
    var progress = Progress()
    for index in 0..<source.batchCount {
      let batch = try source.batch(epoch: 0, index: index)
      guard let tokens = batch.tensors["tokens"], let targets = batch.tensors["targets"] else {
        continue
      }
      var given = states
      given[input.name] = try Value.tensor(tokens).cast(to: type.elementType)
      let results = try session.run(values: given)
      guard let result = results[output]?.tensor else {
        throw Failure("the output \(output.quoted) is not a tensor")
      }
      for name in states.keys { states[name] = results["\(name)_out"] }
      try scores.add(result, targets, input: nil, count: streams)
      scores.examples += targets.count
      progress.update("\(index + 1) of \(source.batchCount) windows")
    }
    progress.clear()
    return scores
  }
}
