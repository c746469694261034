import Glibc
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The layout of the parameters of one direction: packed matrices, then biases and peepholes with a
/// row of `padded` units for each gate.
struct ParameterLayout: Sendable {
  let input: PackedLayout
  /// The recurrent matrices and their offsets.
  private(set) var recurrent: [(layout: PackedLayout, offset: Int)] = []
  let gates: Int
  /// Whether the recurrent bias of the last gate stays apart.
  let hasSeparateBias: Bool

  let biasOffset: Int
  let separateBiasOffset: Int
  let peepholeOffset: Int
  /// Elements of one direction.
  let count: Int

  init<T: GateValue>(
    _ type: T.Type, _ cell: CellShape, _ sizes: RecurrentSizes, format: PanelFormat = .float32
  ) {
    gates = cell.gates
    func layout(_ gates: Int, _ depth: Int) -> PackedLayout {
      PackedLayout(
        gates: gates, hidden: sizes.hidden, depth: depth, lanes: T.lanes, panel: T.panel,
        format: format)
    }
    input = layout(gates, sizes.input)
    hasSeparateBias = cell.hasSeparateBias
    var end = input.count
    for gates in cell.matrices {
      recurrent.append((layout(gates, sizes.hidden), end))
      end += recurrent[recurrent.count - 1].layout.count
    }
    let padded = input.padded
    biasOffset = end
    separateBiasOffset = biasOffset + gates * padded
    peepholeOffset = separateBiasOffset + padded
    count = peepholeOffset + 3 * padded
  }

  /// Hidden units, rounded up to whole vectors.
  var padded: Int { input.padded }

  /// Packs the part of `units`, from the tensors of all directions.
  func pack<E: RealElement>(
    _ type: E.Type, _ source: ParameterTensors, direction: Int, _ units: Range<Int>,
    _ target: UnsafeMutablePointer<E.Compute>
  ) {
    func elements(_ tensor: UnsafeRawPointer) -> UnsafePointer<E> {
      tensor.assumingMemoryBound(to: E.self)
    }
    let hidden = input.hidden
    input.pack(elements(source.w) + direction * gates * hidden * input.depth, units, target)
    var first = direction * gates * hidden * hidden
    for (layout, offset) in recurrent {
      layout.pack(elements(source.r) + first, units, target + offset)
      first += layout.gates * hidden * hidden
    }
    for unit in units {
      let real = unit < hidden
      for gate in 0..<gates {
        let b = source.b.map { elements($0) + (direction * 2 * gates + gate) * hidden + unit }
        let input = real ? b?.pointee.compute ?? 0 : 0
        let recurrent = real ? b?[gates * hidden].compute ?? 0 : 0
        let apart = hasSeparateBias && gate == gates - 1
        target[biasOffset + gate * padded + unit] = apart ? input : input + recurrent
        if apart { target[separateBiasOffset + unit] = recurrent }
      }
      for peephole in 0..<3 {
        let p = source.p.map { elements($0) + (direction * 3 + peephole) * hidden + unit }
        target[peepholeOffset + peephole * padded + unit] = real ? p?.pointee.compute ?? 0 : 0
      }
    }
  }
}

/// The tensors W, R, B and P, inputs 1, 2, 3 and 7 of a layer.
struct ParameterTensors {
  let w: UnsafeRawPointer
  let r: UnsafeRawPointer
  let b: UnsafeRawPointer?
  let p: UnsafeRawPointer?

  static let inputs = [1, 2, 3, 7]

  /// - Parameter values: the elements of an input; `nil` for one that is left out
  init?(_ values: (Int) -> UnsafeRawPointer?) {
    guard let w = values(1), let r = values(2) else { return nil }
    self.w = w
    self.r = r
    b = values(3)
    p = values(7)
  }
}

/// The packed parameters of one direction.
struct RecurrentParameters<T: GateValue> {
  let layout: ParameterLayout
  let values: UnsafePointer<T>

  var input: UnsafePointer<T> { values }
  /// Biases `[gates, padded]`, the sums of those of input and recurrence.
  var bias: UnsafePointer<T> { values + layout.biasOffset }
  /// The bias that stays apart, `[padded]`.
  var separateBias: UnsafePointer<T> { values + layout.separateBiasOffset }
  /// LSTM's Pi, Po, Pf, `[3, padded]`.
  func peephole(_ index: Int) -> UnsafePointer<T> {
    values + layout.peepholeOffset + index * layout.padded
  }
}

/// Parameters packed before the run, one direction after the other.
final class PackedParameters<T: GateValue>: @unchecked Sendable {
  private let storage: TensorStorage
  let values: UnsafePointer<T>

  /// - Throws: `OperatorError.memory`
  init(
    _ layout: ParameterLayout, directions: Int, _ elements: LayerElements<T>,
    _ source: ParameterTensors?
  ) throws(OperatorError) {
    guard let source else { throw .input(1, "is missing") }
    let count = directions * layout.count
    do {
      storage = try TensorStorage(byteCount: count * MemoryLayout<T>.stride)
    } catch { throw OperatorError(error) }
    Self.preferHugePages(storage)
    let pointer = storage.pointer.bindMemory(to: T.self, capacity: count)
    for direction in 0..<directions {
      elements.pack(
        layout, source, direction, 0..<layout.padded, pointer + direction * layout.count)
    }
    values = UnsafePointer(pointer)
  }

  /// Asks the kernel for huge pages where they lie in the storage as a whole: a step streams through
  /// all weights, and with pages of 4 KiB it waits for address translations. The call may fail.
  private static func preferHugePages(_ storage: TensorStorage) {
    let page = 2 << 20
    let start = UInt(bitPattern: storage.pointer)
    let skipped = Int((UInt(page) - start % UInt(page)) % UInt(page))
    let bytes = (storage.byteCount - skipped) / page * page
    if bytes > 0 { madvise(storage.pointer + skipped, bytes, MADV_HUGEPAGE) }
  }
}
