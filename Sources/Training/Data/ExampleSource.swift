import ONNXFormat
import Synchronization

/// Examples that can be put together into batches in any order.
public protocol ExampleSource: Sendable {
  /// How many examples there are.
  var count: Int { get }
  /// The batch of these examples.
  /// - Parameter examples: numbers from 0 up to, not including, `count`; at least one
  func batch(of examples: [Int]) throws -> Batch
}

extension ExampleSource {
  /// The examples in batches.
  /// - Parameters:
  ///   - size: examples in a batch
  ///   - seed: what the order of each epoch follows from; `nil` for the order they lie in
  ///   - dropsRest: whether a last smaller batch is left out
  public func batches(size: Int, seed: UInt64?, dropsRest: Bool = false) -> ShuffledBatches {
    ShuffledBatches(self, size: size, seed: seed, dropsRest: dropsRest)
  }

  /// Some of the examples.
  /// - Precondition: the numbers are less than `count`.
  public func subset(_ examples: [Int]) -> ExampleSubset { ExampleSubset(self, examples) }

  /// The examples in two parts, drawn at random.
  /// - Parameter share: of the second part, 0 to 1
  public func split(share: Double, seed: UInt64) -> (ExampleSubset, ExampleSubset) {
    var random = RandomStream(seed: seed, name: "split")
    let order = random.permutation(count)
    let rest = Int((Double(count) * min(max(share, 0), 1)).rounded())
    return (subset(order.dropLast(rest).sorted()), subset(order.suffix(rest).sorted()))
  }

  /// Cross-validation: for each of `k` folds of equal size, up to one, the examples outside and
  /// those inside.
  public func folds(
    _ k: Int, seed: UInt64
  ) throws(DataError) -> [(train: ExampleSubset, test: ExampleSubset)] {
    guard k >= 2, k <= count else {
      throw DataError("expected 2 to \(count) folds of \(count) examples, got \(k)")
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

/// Some examples of a source.
public struct ExampleSubset: ExampleSource {
  private let source: any ExampleSource
  /// Their numbers in the source.
  public let examples: [Int]

  init(_ source: any ExampleSource, _ examples: [Int]) {
    self.source = source
    self.examples = examples
  }

  public var count: Int { examples.count }

  public func batch(of examples: [Int]) throws -> Batch {
    try source.batch(of: examples.map { self.examples[$0] })
  }
}

/// Batches of a fixed number of examples, in an order that follows from seed and epoch.
public struct ShuffledBatches: BatchSource {
  private let source: any ExampleSource
  private let size: Int
  private let order: EpochOrder
  public let batchCount: Int

  /// - Parameters:
  ///   - size: examples in a batch, at least 1
  ///   - seed: `nil` for the order in which the examples lie
  ///   - dropsRest: whether a last smaller batch is left out
  public init(_ source: any ExampleSource, size: Int, seed: UInt64?, dropsRest: Bool = false) {
    precondition(size > 0, "a batch has at least one example")
    self.source = source
    self.size = size
    let whole = source.count / size
    batchCount = dropsRest || source.count % size == 0 ? whole : whole + 1
    let count = source.count
    order = EpochOrder { epoch in
      guard let seed else { return Array(0..<count) }
      var random = RandomStream(seed: seed, UInt64(epoch))
      return random.permutation(count)
    }
  }

  public func batch(epoch: Int, index: Int) throws -> Batch {
    precondition(epoch >= 0 && (0..<batchCount).contains(index), "no batch \(index)")
    let order = order[epoch]
    return try source.batch(
      of: Array(order[index * size..<min((index + 1) * size, order.count)]))
  }
}

/// The examples of each epoch in order.
typealias EpochOrder = EpochCache<[Int]>
/// The examples of each batch of each epoch.
typealias BatchOrder = EpochCache<[[Int]]>

/// Something that follows from the epoch, kept for the last ones asked for.
final class EpochCache<Content: Sendable>: Sendable {
  private let make: @Sendable (Int) -> Content
  private let recent = Mutex<[(epoch: Int, order: Content)]>([])

  init(_ make: @escaping @Sendable (Int) -> Content) { self.make = make }

  subscript(epoch: Int) -> Content {
    recent.withLock { recent in
      if let known = recent.first(where: { $0.epoch == epoch }) { return known.order }
      let order = make(epoch)
      // A prefetcher may be an epoch ahead of whoever else asks.
      if recent.count == 2 { recent.removeFirst() }
      recent.append((epoch, order))
      return order
    }
  }
}

/// A source whose tensors bear other names.
public struct RenamedBatches: BatchSource {
  private let source: any BatchSource
  private let names: [String: String]

  init(_ source: any BatchSource, _ names: [String: String]) {
    self.source = source
    self.names = names
  }

  public var batchCount: Int { source.batchCount }

  public func batch(epoch: Int, index: Int) throws -> Batch {
    var batch = try source.batch(epoch: epoch, index: index)
    var tensors: [String: Tensor] = [:]
    for (old, new) in names {
      guard let tensor = batch.tensors[old] else {
        throw DataError(
          "the data has no '\(old)', only \(batch.tensors.keys.sorted().joined(separator: ", "))")
      }
      tensors[new] = tensor
    }
    batch.tensors = tensors
    return batch
  }
}

extension BatchSource {
  /// The same batches, of whose tensors only these are kept, under the names that a graph has.
  /// - Parameter names: the graph's name by the data's
  public func renamed(_ names: [String: String]) -> RenamedBatches { RenamedBatches(self, names) }
}
