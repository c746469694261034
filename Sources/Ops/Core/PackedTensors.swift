import ONNXFormat
import Synchronization

/// Constant tensors in the layouts that kernels read them in. A session has one, so that all its
/// plans share what is packed once.
public final class PackedTensors: Sendable {
  private struct Key: Hashable {
    let tensor: ObjectIdentifier
    let layout: String
  }
  private struct Entry {
    /// Keeps the key's identity from being used again.
    let source: TensorStorage
    let packed: TensorStorage
  }
  private let entries = Mutex<[Key: Entry]>([:])

  public init() {}

  /// The tensor in a layout, made by `pack` where it is not there yet.
  ///
  /// - Parameter layout: names what `pack` does, its sizes included
  func packed(
    _ tensor: Tensor, layout: String, pack: () throws(OperatorError) -> TensorStorage
  ) throws(OperatorError) -> TensorStorage {
    let key = Key(tensor: ObjectIdentifier(tensor.storage), layout: layout)
    if let entry = entries.withLock({ $0[key] }) { return entry.packed }
    let entry = Entry(source: tensor.storage, packed: try pack())
    return entries.withLock { entries in
      if let other = entries[key] { return other.packed }
      entries[key] = entry
      return entry.packed
    }
  }
}
