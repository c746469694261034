import ONNXFormat
import Synchronization

/// A cache of constant tensors in the layouts that kernels read, which all plans of a session share.
public final class PackedTensors: Sendable {
  /// A closure that packs one tile of a tensor. Different tiles may be packed on different threads.
  public typealias Tile =
    @Sendable (_ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ tile: Int) -> Void

  private struct Key: Hashable {
    let tensor: ObjectIdentifier
    let layout: String
  }
  private struct Entry {
    /// Keeps the tensor of the key alive, so that its identity is not reused.
    let source: TensorStorage
    let packed: TensorStorage
  }
  private let entries = Mutex<[Key: Entry]>([:])
  private let pool: ThreadPool?
  /// The cache that stores the entries of this one, with the tensor and the prefix of layout names that
  /// it stores them under.
  private let keeper: (tensors: PackedTensors, tensor: Tensor, layout: String)?

  /// An empty cache.
  /// - Parameter pool: the threads that pack tiles; `nil` for the thread of the caller
  public init(pool: ThreadPool? = nil) {
    self.pool = pool
    keeper = nil
  }

  /// A cache for a converted form of a tensor that every plan computes again. The layouts of that form
  /// are stored in `other`, under the tensor that it was converted from.
  ///
  /// - Parameter layout: the name of the conversion
  package init(of tensor: Tensor, as layout: String, in other: PackedTensors) {
    pool = other.pool
    keeper = (other, tensor, layout)
  }

  /// A tensor in a layout, which `pack` creates if it is not in the cache.
  ///
  /// - Parameter layout: a name that identifies the layout and its sizes
  package func packed(
    _ tensor: Tensor, layout: String, pack: () throws(OperatorError) -> TensorStorage
  ) throws(OperatorError) -> TensorStorage {
    if let keeper {
      return try keeper.tensors.packed(
        keeper.tensor, layout: "\(keeper.layout) \(layout)", pack: pack)
    }
    let key = Key(tensor: ObjectIdentifier(tensor.storage), layout: layout)
    if let entry = entries.withLock({ $0[key] }) { return entry.packed }
    let entry = Entry(source: tensor.storage, packed: try Deadline.ignoring(pack))
    return entries.withLock { entries in
      if let other = entries[key] { return other.packed }
      entries[key] = entry
      return entry.packed
    }
  }

  /// A tensor in a layout of `byteCount` bytes, which `pack` creates on all threads if it is not in the
  /// cache.
  ///
  /// - Parameters:
  ///   - layout: a name that identifies the layout and its sizes
  ///   - tiles: the number of tiles that `pack` is called for
  package func packed(
    _ tensor: Tensor, layout: String, byteCount: Int, tiles: Int, pack: @escaping Tile
  ) throws(OperatorError) -> TensorStorage {
    try packed(tensor, layout: layout) { () throws(OperatorError) in
      let source = tensor.storage
      let target: TensorStorage
      do throws(TensorError) { target = try TensorStorage(byteCount: byteCount) } catch {
        throw OperatorError(error)
      }
      let tile: @Sendable (Int) -> Void = { pack(source.pointer, target.pointer, $0) }
      if let pool {
        pool.parallel(tiles, tile)
      } else {
        for index in 0..<max(tiles, 0) { tile(index) }
      }
      return target
    }
  }
}

/// The inputs of a node that its kernel reads in a packed layout instead.
package final class ReplacedInputs: Sendable {
  private let indices = Mutex<Set<Int>>([])

  package init() {}

  /// The inputs that `Preparation.packed` was called for.
  package var all: Set<Int> { indices.withLock { $0 } }
  package func insert(_ index: Int) { indices.withLock { _ = $0.insert(index) } }
}

extension Preparation {
  /// A constant input in a layout, for a kernel that reads it instead of the input; `nil` if the input
  /// is not constant. The memory of the input is released if no other kernel reads it.
  ///
  /// - Parameters:
  ///   - layout: a name that identifies the layout and its sizes
  ///   - tiles: the number of tiles that `pack` is called for, on all threads
  package func packed(
    input index: Int, layout: String, byteCount: Int, tiles: Int,
    pack: @escaping PackedTensors.Tile
  ) throws(OperatorError) -> TensorStorage? {
    guard let constant = inputs.constant(index) else { return nil }
    let result = try packed.packed(
      constant, layout: layout, byteCount: byteCount, tiles: tiles, pack: pack)
    replaced.insert(index)
    return result
  }
}
