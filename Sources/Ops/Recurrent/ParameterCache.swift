import ONNXFormat
import ONNXOperators
import ONNXProducts
import Synchronization

/// Shares a node's packed parameters, which depend on the weights alone, between all of its plans,
/// for as long as a plan uses them.
final class ParameterCache: Sendable {
  private struct Entry {
    weak var packed: AnyObject?
    /// The weights that were packed, weak because the identity of one that is gone may be reused.
    var sources: [WeakStorage] = []
  }
  private struct WeakStorage {
    weak var storage: TensorStorage?
  }
  private let entry = Mutex(Entry())

  /// The packed form of these weights, from the cache or from `make`.
  func parameters<T: GateValue>(
    of weights: [Tensor], _ make: () throws(OperatorError) -> PackedParameters<T>
  ) throws(OperatorError) -> PackedParameters<T> {
    let storages = weights.map(\.storage)
    let known = entry.withLock { entry -> PackedParameters<T>? in
      guard entry.sources.count == storages.count,
        zip(entry.sources, storages).allSatisfy({ $0.storage === $1 })
      else { return nil }
      return entry.packed as? PackedParameters<T>
    }
    if let known { return known }
    let packed = try make()
    entry.withLock {
      $0 = Entry(packed: packed, sources: storages.map { WeakStorage(storage: $0) })
    }
    return packed
  }
}
