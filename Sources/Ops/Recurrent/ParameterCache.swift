import ONNXFormat
import ONNXOperators
import ONNXProducts
import Synchronization

/// Lets all plans of a node share its packed parameters, which depend on no input but the weights,
/// for as long as a plan uses them.
final class ParameterCache: Sendable {
  private struct Entry {
    weak var packed: AnyObject?
    /// The weights that were packed; where one is gone, another may have come in its place.
    var sources: [WeakStorage] = []
  }
  private struct WeakStorage {
    weak var storage: TensorStorage?
  }
  private let entry = Mutex(Entry())

  /// What was made of these weights before, or is made now.
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
