import ONNXFormat
import Synchronization

/// Constant tensors in the layouts that kernels read them in. A session has one, so that all its
/// plans share what is packed once.
public final class PackedTensors: Sendable {
  /// Packs one tile, the `tile`-th of so many, which all may be packed at once.
  public typealias Tile =
    @Sendable (_ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ tile: Int) -> Void

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
  private let pool: ThreadPool?
  /// Who keeps all there is to keep, under which tensor and beginning of a layout's name.
  private let keeper: (tensors: PackedTensors, tensor: Tensor, layout: String)?

  /// - Parameter pool: threads that share the tiles of a tensor
  public init(pool: ThreadPool? = nil) {
    self.pool = pool
    keeper = nil
  }

  /// Layouts of another form of a tensor, which is made anew for each plan: `other` keeps them, and
  /// not that form.
  ///
  /// - Parameter layout: names how the form follows from the tensor
  package init(of tensor: Tensor, as layout: String, in other: PackedTensors) {
    pool = other.pool
    keeper = (other, tensor, layout)
  }

  /// The tensor in a layout, made by `pack` where it is not there yet.
  ///
  /// - Parameter layout: names what `pack` does, its sizes included
  package func packed(
    _ tensor: Tensor, layout: String, pack: () throws(OperatorError) -> TensorStorage
  ) throws(OperatorError) -> TensorStorage {
    if let keeper {
      return try keeper.tensors.packed(
        keeper.tensor, layout: "\(keeper.layout) \(layout)", pack: pack)
    }
    let key = Key(tensor: ObjectIdentifier(tensor.storage), layout: layout)
    if let entry = entries.withLock({ $0[key] }) { return entry.packed }
    let entry = Entry(source: tensor.storage, packed: try pack())
    return entries.withLock { entries in
      if let other = entries[key] { return other.packed }
      entries[key] = entry
      return entry.packed
    }
  }

  /// The tensor in a layout of `byteCount` bytes, made by all threads where it is not there yet.
  ///
  /// - Parameters:
  ///   - layout: names what `pack` does, its sizes included
  ///   - tiles: how many parts `pack` makes, each from front to end without those of others
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

/// Inputs of a node whose kernel reads a packed form in their place.
public final class ReplacedInputs: Sendable {
  private let indices = Mutex<Set<Int>>([])

  public init() {}

  /// The inputs that `Preparation.packed` was asked for.
  public var all: Set<Int> { indices.withLock { $0 } }
  package func insert(_ index: Int) { indices.withLock { _ = $0.insert(index) } }
}

extension Preparation {
  /// A constant input in a layout, for a kernel that reads this in place of the input: the memory
  /// of the input itself is given back where nobody else reads it. `nil` for one that is no constant.
  ///
  /// - Parameters:
  ///   - layout: names what `pack` does, its sizes included
  ///   - tiles: how many parts `pack` makes, on all threads at once
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
