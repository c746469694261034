import ONNXFormat

/// Sequences of tokens of different lengths, each with a class or a class per token.
///
/// A batch is padded to its longest sequence. It has the tensors
/// - `tokens`, int64 `[N, T]`, padded with `Padding.token`,
/// - `lengths`, int32 `[N]`,
/// - `mask`, float32 `[N, T]`, 1 for the tokens of a sequence and 0 for padding,
/// - `labels`, int64 `[N]`, or `[N, T]` padded with `ignoreIndex`.
public struct SequenceDataset: ExampleSource {
  /// The labels of sequences.
  public enum Labels: Sendable {
    /// A class per sequence.
    case classes([Int])
    /// A class per token.
    case steps([[Int]])
    /// No labels.
    case none
  }

  /// The padding that makes the sequences of a batch equally long.
  public struct Padding: Sendable {
    /// The padding token.
    public var token = 0
    /// The minimum length of a row.
    public var minimumLength = 1
    /// The length to which longer sequences are truncated; `nil` to keep all tokens.
    public var maximumLength: Int?
    /// The number of padding tokens before every sequence.
    public var before = 0
    /// The number that the length of a row is a multiple of. A larger one makes fewer different shapes.
    public var multiple = 1

    /// Creates padding to the longest sequence.
    public init() {}
  }

  /// The label of padding: the index that losses of ONNX and PyTorch ignore.
  public static let ignoreIndex = -100

  /// The tokens of each sequence.
  public let sequences: [[Int32]]
  /// The labels.
  public let labels: Labels
  private let padding: Padding

  /// The number of sequences.
  public var count: Int { sequences.count }

  /// Creates a dataset.
  /// - Throws: `DataError` if the numbers of sequences and labels differ, or a number of the padding is
  ///   out of range.
  public init(
    _ sequences: [[Int32]], labels: Labels, padding: Padding = Padding()
  ) throws(DataError) {
    guard !sequences.isEmpty else { throw DataError("expected sequences, found none") }
    let longest = 1 << 32
    guard padding.multiple > 0, padding.before >= 0, padding.minimumLength >= 0,
      padding.maximumLength ?? 1 > 0, padding.multiple <= longest, padding.before <= longest,
      padding.minimumLength <= longest
    else { throw DataError("expected positive lengths for the padding, got \(padding)") }
    switch labels {
    case .classes(let classes):
      guard classes.count == sequences.count else {
        throw DataError("expected \(sequences.count) labels, found \(classes.count)")
      }
      if let wrong = classes.firstIndex(where: { $0 < 0 }) {
        throw DataError("expected labels of at least 0, found \(classes[wrong]) at \(wrong)")
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

  /// The class of each sequence, unless each token has one.
  public var classLabels: [Int64]? {
    guard case .classes(let classes) = labels else { return nil }
    return classes.map(Int64.init)
  }

  /// The length of an example, truncated and including `Padding.before`.
  public func length(of example: Int) -> Int {
    min(sequences[example].count, padding.maximumLength ?? .max) + padding.before
  }

  /// Makes a batch of sequences.
  /// - Throws: `DataError` if memory runs out.
  public func batch(of examples: [Int]) throws(DataError) -> Batch {
    let lengths = examples.map { length(of: $0) }
    let longest = max(lengths.max() ?? 0, padding.minimumLength, 1)
    let columns = (longest + padding.multiple - 1) / padding.multiple * padding.multiple
    let shape = [examples.count, columns]
    let tokens = try Tensor(data: Int64.self, shape: shape) { target in
      target.update(repeating: Int64(padding.token))
      for (row, example) in examples.enumerated() {
        for column in padding.before..<lengths[row] {
          target[row * columns + column] = Int64(sequences[example][column - padding.before])
        }
      }
    }
    let mask = try Tensor(data: Float.self, shape: shape) { target in
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
      tensors["labels"] = try Tensor(data: Int64.self, shape: shape) { target in
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
