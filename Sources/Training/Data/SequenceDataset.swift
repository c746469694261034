import ONNXFormat

/// Sequences of tokens of different lengths, each with a class or with a class for every token.
///
/// A batch is padded to its longest sequence. It holds
/// - `tokens`, int64 `[N, T]`, `padding` outside the sequences,
/// - `lengths`, int32 `[N]`,
/// - `mask`, float32 `[N, T]`, 1 inside, 0 outside,
/// - `labels`, int64 `[N]`, or `[N, T]` with `ignoreIndex` outside.
public struct SequenceDataset: ExampleSource {
  public enum Labels: Sendable {
    case classes([Int])
    case steps([[Int]])
    case none
  }

  /// How sequences become rows of equal length.
  public struct Padding: Sendable {
    /// The token that fills.
    public var token = 0
    /// Rows are at least that long.
    public var minimumLength = 1
    /// Longer sequences lose their end; `nil` keeps all.
    public var maximumLength: Int?
    /// Filling tokens before every sequence.
    public var before = 0
    /// Rows have a multiple of this many tokens, so that there are few different lengths.
    public var multiple = 1
    public init() {}
  }

  /// What labels are outside of sequences: the default of ONNX's and PyTorch's losses that ignore.
  public static let ignoreIndex = -100

  public let sequences: [[Int32]]
  public let labels: Labels
  private let padding: Padding

  public var count: Int { sequences.count }

  /// - Throws: `DataError` where sequences and labels do not fit each other, or the padding's
  ///   numbers are none that could be.
  public init(
    _ sequences: [[Int32]], labels: Labels, padding: Padding = Padding()
  ) throws(DataError) {
    guard !sequences.isEmpty else { throw DataError("expected sequences, found none") }
    let longest = 1 << 32
    guard padding.multiple > 0, padding.before >= 0, padding.minimumLength >= 0,
      padding.maximumLength ?? 1 > 0, padding.multiple <= longest, padding.before <= longest,
      padding.minimumLength <= longest
    else { throw DataError("expected positive lengths of padding, got \(padding)") }
    switch labels {
    case .classes(let classes):
      guard classes.count == sequences.count else {
        throw DataError("expected \(sequences.count) labels, found \(classes.count)")
      }
      if let wrong = classes.firstIndex(where: { $0 < 0 }) {
        throw DataError("expected labels from 0 on, found \(classes[wrong]) at \(wrong)")
      }
    case .steps(let steps):
      guard steps.count == sequences.count,
        zip(steps, sequences).allSatisfy({ $0.count == $1.count })
      else { throw DataError("expected a label for each token of each sequence") }
    case .none: break
    }
    self.sequences = sequences
    self.labels = labels
    self.padding = padding
  }

  /// Tokens of an example in a batch, before it is padded to its longest.
  public func length(of example: Int) -> Int {
    min(sequences[example].count, padding.maximumLength ?? .max) + padding.before
  }

  public func batch(of examples: [Int]) throws -> Batch {
    let lengths = examples.map { length(of: $0) }
    let longest = max(lengths.max() ?? 0, padding.minimumLength, 1)
    let columns = (longest + padding.multiple - 1) / padding.multiple * padding.multiple
    let shape = [examples.count, columns]
    let tokens = try Tensor(Int64.self, shape: shape) { target in
      target.update(repeating: Int64(padding.token))
      for (row, example) in examples.enumerated() {
        for column in padding.before..<lengths[row] {
          target[row * columns + column] = Int64(sequences[example][column - padding.before])
        }
      }
    }
    let mask = try Tensor(Float.self, shape: shape) { target in
      for row in examples.indices {
        for column in 0..<columns {
          target[row * columns + column] =
            column >= padding.before && column < lengths[row] ? 1 : 0
        }
      }
    }
    var tensors = [
      "tokens": tokens, "mask": mask,
      "lengths": try Tensor(data: lengths.map { Int32(clamping: $0) }, shape: [examples.count]),
    ]
    var count = examples.count
    switch labels {
    case .classes(let classes):
      tensors["labels"] = try Tensor(
        data: examples.map { Int64(classes[$0]) }, shape: [examples.count])
    case .steps(let steps):
      tensors["labels"] = try Tensor(Int64.self, shape: shape) { target in
        target.update(repeating: Int64(Self.ignoreIndex))
        for (row, example) in examples.enumerated() {
          for column in padding.before..<lengths[row] {
            target[row * columns + column] = Int64(steps[example][column - padding.before])
          }
        }
      }
      count = lengths.reduce(0) { $0 + $1 - padding.before }
    case .none: break
    }
    return Batch(tensors, count: count)
  }
}

/// Batches of sequences of similar length, so that little of them is padding.
///
/// Sequences are sorted into buckets by length. In every epoch each bucket is shuffled and cut into
/// batches, and these come in random order.
public struct BucketedBatches: BatchSource {
  private let source: any ExampleSource
  private let batches: BatchOrder
  public let batchCount: Int

  /// - Parameters:
  ///   - examples: which of the sequences; `nil` for all
  ///   - size: sequences in a batch
  ///   - width: lengths that share a bucket
  ///   - seed: what the order of each epoch follows from
  public init(
    _ source: SequenceDataset, examples: [Int]? = nil, size: Int, width: Int = 8, seed: UInt64
  ) {
    precondition(size > 0 && width > 0, "a batch has a sequence, a bucket a length")
    var buckets: [Int: [Int]] = [:]
    for example in examples ?? Array(0..<source.count) {
      buckets[max(0, source.length(of: example) - 1) / width, default: []].append(example)
    }
    let sorted = buckets.sorted { $0.key < $1.key }.map(\.value)
    self.source = source
    batchCount = sorted.reduce(0) { $0 + ($1.count + size - 1) / size }
    batches = BatchOrder { epoch in
      var random = RandomStream(seed: seed, UInt64(epoch))
      var batches: [[Int]] = []
      for bucket in sorted {
        let order = bucket.shuffled(using: &random)
        for start in stride(from: 0, to: order.count, by: size) {
          batches.append(Array(order[start..<min(start + size, order.count)]))
        }
      }
      return batches.shuffled(using: &random)
    }
  }

  public func batch(epoch: Int, index: Int) throws -> Batch {
    precondition(epoch >= 0 && (0..<batchCount).contains(index), "no batch \(index)")
    return try source.batch(of: batches[epoch][index])
  }
}
