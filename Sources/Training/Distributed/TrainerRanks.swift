import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// What the ranks that train together share besides gradients.
extension Trainer {
  /// Whether this rank is the only one, or the one that writes files.
  var isFirstRank: Bool { (communicator?.rank ?? 0) == 0 }

  /// Whether other ranks train together with this one.
  var others: (any Communicator)? { communicator.flatMap { $0.size > 1 ? $0 : nil } }

  /// Whether training is to end: if this rank wants it, or if any rank wanted it before the last batch.
  var ends: Bool { others == nil ? wantsEnd : step.isLast }

  /// The batches of a source, as far as this rank computes them.
  func shards(of source: any BatchSource) -> any BatchSource {
    guard let count = options.shards, let step = step as? ShardedStep else { return source }
    return LocalShards(source: source, shards: step.localShards, count: count)
  }

  /// The shards of a batch that this rank computes; the batch itself where batches are not cut.
  /// - Throws: `DataError` if it cannot be cut.
  package func localPart(of batch: Batch) throws -> Batch {
    guard let count = options.shards, let step = step as? ShardedStep else { return batch }
    return Batch(try step.localShards.map { try batch.shard($0, of: count) })
  }

  /// The states of a recurrent model for each shard, of all ranks.
  func gatheredStates() throws(TrainingError) -> [String: Tensor] {
    let own = step.localStates
    guard let others, !options.states.isEmpty else { return own }
    var model = Model(graph: Graph(name: "states"), operatorSets: [])
    model.graph.initializers = own.map { NamedTensor($0, $1) }
    let bytes = try Self.wrapping { () throws(FormatError) in try model.serialized() }
    var all: [String: Tensor] = [:]
    for bytes in try others.gather(bytes) {
      let model = try Self.wrapping { () throws(FormatError) in try Model(serialized: bytes) }
      for initializer in model.graph.initializers {
        if let name = initializer.name { all[name] = initializer.tensor }
      }
    }
    return all
  }

  private static func wrapping<R>(
    _ body: () throws(FormatError) -> R
  ) throws(TrainingError) -> R {
    do throws(FormatError) { return try body() } catch { throw .file(error) }
  }
}

/// Validation, of which each rank computes some batches.
extension Trainer {
  /// The results of all batches of epoch 0, in their order; `nil` if this rank has to compute all of them:
  /// there are no others, or the model carries states from batch to batch.
  func dividedResults(_ batches: any BatchSource) throws -> [StepResult]? {
    guard let others, options.states.isEmpty else { return nil }
    let own = stride(from: others.rank, to: batches.batchCount, by: others.size)
    let results = try own.map { index in
      try evaluate(on: batches.batch(epoch: 0, index: index), states: CarriedState())
    }
    let names = options.metrics.keys.sorted()
    let numbers = results.flatMap { $0.numbers(names) }
    let size = StepResult.numberCount + names.count
    let all = try others.gather(numbers.withUnsafeBytes { Array($0) }).map { bytes in
      bytes.withUnsafeBytes { bytes in
        (0..<bytes.count / 8).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self) }
      }
    }
    return try (0..<batches.batchCount).map { index in
      let (place, rank) = index.quotientAndRemainder(dividingBy: others.size)
      guard rank < all.count, all[rank].count >= (place + 1) * size else {
        throw TrainingError.rank("rank \(rank) has not sent its results of the validation")
      }
      return StepResult(all[rank][place * size..<(place + 1) * size], names)
    }
  }
}

extension StepResult {
  fileprivate static let numberCount = 4

  /// The result as numbers; NaN for what is missing.
  fileprivate func numbers(_ metrics: [String]) -> [Double] {
    [loss, counted, weight, correct.map(Double.init) ?? .nan]
      + metrics.map { self.metrics[$0] ?? .nan }
  }

  fileprivate init(_ numbers: ArraySlice<Double>, _ metrics: [String]) {
    let numbers = Array(numbers)
    (loss, counted, weight) = (numbers[0], numbers[1], numbers[2])
    correct = Int(exactly: numbers[3])
    for (name, number) in zip(metrics, numbers.dropFirst(Self.numberCount)) where !number.isNaN {
      self.metrics[name] = number
    }
  }
}
