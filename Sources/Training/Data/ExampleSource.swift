import ONNXFormat

/// Examples that can be combined into batches in any order.
public protocol ExampleSource: Sendable {
  /// The number of examples.
  var count: Int { get }
  /// Makes a batch of examples.
  /// - Parameter examples: The indices of at least one example, each less than `count`.
  /// - Throws: An error that names the faulty data. The sources of this module throw `DataError`.
  func batch(of examples: [Int]) throws -> Batch
  /// The integer labels of all examples one after another, as many of each; `nil` if the examples
  /// have none or their numbers differ.
  var classLabels: [Int64]? { get }
}

extension ExampleSource {
  /// No labels.
  public var classLabels: [Int64]? { nil }
}

extension ExampleSource {
  /// Divides the examples into batches.
  /// - Parameters:
  ///   - size: The number of examples in a batch.
  ///   - seed: The seed of the shuffle, which differs from epoch to epoch; `nil` to keep the order.
  ///   - dropsRest: Whether to leave out a smaller last batch.
  public func batches(size: Int, seed: UInt64?, dropsRest: Bool = false) -> ShuffledBatches {
    ShuffledBatches(self, size: size, seed: seed, dropsRest: dropsRest)
  }

  /// Selects examples by their indices.
  /// - Precondition: The indices are less than `count`.
  public func subset(_ examples: [Int]) -> ExampleSubset { ExampleSubset(self, examples) }

  /// Divides the examples into two parts at random.
  /// - Parameter share: The fraction of examples in the second part, 0 to 1.
  public func split(share: Double, seed: UInt64) -> (ExampleSubset, ExampleSubset) {
    var random = RandomStream(seed: seed, name: "split")
    let order = random.permutation(count)
    let rest = Int((Double(count) * min(max(share, 0), 1)).rounded())
    return (subset(order.dropLast(rest).sorted()), subset(order.suffix(rest).sorted()))
  }

  /// Divides the examples into two parts at random, with the same share of each class in both as far as
  /// that is possible.
  /// - Parameter share: The fraction of examples in the second part, 0 to 1.
  /// - Returns: The parts, as large as those of `split`; `nil` if the examples have no class of their
  ///   own.
  func splitByClass(share: Double, seed: UInt64) -> (ExampleSubset, ExampleSubset)? {
    guard let labels = classLabels, labels.count == count else { return nil }
    var random = RandomStream(seed: seed, name: "split by class")
    let classes = Dictionary(grouping: labels.indices) { labels[$0] }
    var (seen, taken) = (0, [Int]())
    for (_, members) in classes.sorted(by: { $0.key < $1.key }) {
      seen += members.count
      let wanted = Int((Double(seen) * min(max(share, 0), 1)).rounded()) - taken.count
      let order = random.permutation(members.count)
      taken += order.prefix(min(max(wanted, 0), members.count)).map { members[$0] }
    }
    let isTaken = Set(taken)
    return (subset((0..<count).filter { !isTaken.contains($0) }), subset(taken.sorted()))
  }

  /// Divides the examples into `k` folds for cross-validation. The sizes of the folds differ by at most
  /// one.
  /// - Returns: For each fold, the examples outside (`train`) and inside (`test`).
  /// - Throws: `DataError` if `k` is less than 2 or more than `count`.
  public func folds(
    _ k: Int, seed: UInt64
  ) throws(DataError) -> [(train: ExampleSubset, test: ExampleSubset)] {
    guard k >= 2, k <= count else {
      throw DataError("expected 2 to \(count) folds for \(count) examples, got \(k)")
    }
    var random = RandomStream(seed: seed, name: "folds")
    let order = random.permutation(count)
    var fold = [Int](repeating: 0, count: count)
    for (position, example) in order.enumerated() { fold[example] = position % k }
    return (0..<k).map { number in
      (
        subset(fold.indices.filter { fold[$0] != number }),
        subset(fold.indices.filter { fold[$0] == number })
      )
    }
  }
}

/// Some of the examples of a source.
public struct ExampleSubset: ExampleSource {
  private let source: any ExampleSource
  /// The indices of the examples in the source.
  public let examples: [Int]

  init(_ source: any ExampleSource, _ examples: [Int]) {
    self.source = source
    self.examples = examples
  }

  /// The number of examples.
  public var count: Int { examples.count }

  /// The labels of the examples in the subset.
  public var classLabels: [Int64]? {
    guard let all = source.classLabels, source.count > 0 else { return nil }
    let width = all.count / source.count
    return examples.flatMap { all[$0 * width..<($0 + 1) * width] }
  }

  /// Makes a batch of examples, whose indices are those in the subset.
  public func batch(of examples: [Int]) throws -> Batch {
    try source.batch(of: examples.map { self.examples[$0] })
  }
}
