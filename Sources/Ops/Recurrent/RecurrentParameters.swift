import Glibc
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// How the parameters of one direction lie in memory: packed matrices, and biases and peepholes a
/// row of `padded` units for each gate.
struct ParameterLayout: Sendable {
  let input: PackedLayout
  let recurrent: [PackedLayout]
  let gates: Int
  /// The gate whose recurrent bias stands apart.
  let separateBias: Int?

  private(set) var recurrentOffsets: [Int] = []
  private(set) var biasOffset = 0
  private(set) var separateBiasOffset = 0
  private(set) var peepholeOffset = 0
  /// Elements of one direction.
  private(set) var count = 0

  init<C: RecurrentCell>(_ cell: C, hidden: Int, inputSize: Int) {
    gates = cell.matrices.reduce(0, +)
    func layout(_ gates: Int, _ depth: Int) -> PackedLayout {
      PackedLayout(
        gates: gates, hidden: hidden, depth: depth, lanes: C.Value.lanes, panel: C.Value.panel)
    }
    input = layout(gates, inputSize)
    recurrent = cell.matrices.map { layout($0, hidden) }
    separateBias = cell.separateBias
    let padded = input.padded
    count = input.offset(padded)
    for layout in recurrent {
      recurrentOffsets.append(count)
      count += layout.offset(padded)
    }
    biasOffset = count
    separateBiasOffset = biasOffset + gates * padded
    peepholeOffset = separateBiasOffset + padded
    count = peepholeOffset + 3 * padded
  }

  /// Packs what concerns `units`, from the tensors of all directions.
  func pack<E: RealElement>(
    _ source: ParameterSource<E>, direction: Int, _ units: Range<Int>,
    _ target: UnsafeMutablePointer<E.Compute>
  ) {
    let hidden = input.hidden
    let padded = input.padded
    input.pack(source.w + direction * gates * hidden * input.depth, units, target)
    var first = direction * gates * hidden * hidden
    for (layout, offset) in zip(recurrent, recurrentOffsets) {
      layout.pack(source.r + first, units, target + offset)
      first += layout.gates * hidden * hidden
    }
    for unit in units {
      let real = unit < hidden
      for gate in 0..<gates {
        let b = source.b.map { $0 + (direction * 2 * gates + gate) * hidden + unit }
        let input = real ? b?.pointee.compute ?? 0 : 0
        let recurrent = real ? b?[gates * hidden].compute ?? 0 : 0
        let apart = gate == separateBias
        target[biasOffset + gate * padded + unit] = apart ? input : input + recurrent
        if apart { target[separateBiasOffset + unit] = recurrent }
      }
      for peephole in 0..<3 {
        let p = source.p.map { $0 + (direction * 3 + peephole) * hidden + unit }
        target[peepholeOffset + peephole * padded + unit] = real ? p?.pointee.compute ?? 0 : 0
      }
    }
  }
}

/// The tensors W, R, B and P.
struct ParameterSource<E: RealElement> {
  let w: UnsafePointer<E>
  let r: UnsafePointer<E>
  let b: UnsafePointer<E>?
  let p: UnsafePointer<E>?

  /// - Parameter values: the elements of an input; `nil` where it is left out
  init?(_ values: (Int) -> UnsafePointer<E>?) {
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
  func recurrent(_ matrix: Int) -> UnsafePointer<T> { values + layout.recurrentOffsets[matrix] }
  /// Biases `[gates, padded]`, those of input and recurrence added up.
  var bias: UnsafePointer<T> { values + layout.biasOffset }
  /// The bias that stands apart, `[padded]`.
  var separateBias: UnsafePointer<T> { values + layout.separateBiasOffset }
  /// LSTM's Pi, Po, Pf, `[3, padded]`.
  func peephole(_ index: Int) -> UnsafePointer<T> {
    values + layout.peepholeOffset + index * layout.input.padded
  }
}

/// Parameters that were packed before the run, one direction after the other.
final class PackedParameters<T: GateValue>: @unchecked Sendable {
  private let storage: TensorStorage
  let values: UnsafePointer<T>

  /// - Throws: `OperatorError.memory`
  init<E: RealElement>(
    _ layout: ParameterLayout, directions: Int, _ source: ParameterSource<E>?
  ) throws(OperatorError) where E.Compute == T {
    guard let source else { throw .input(1, "is missing") }
    let count = directions * layout.count
    do {
      storage = try TensorStorage(byteCount: count * MemoryLayout<T>.stride)
    } catch { throw OperatorError(error) }
    Self.preferHugePages(storage)
    let pointer = storage.pointer.bindMemory(to: T.self, capacity: count)
    for direction in 0..<directions {
      layout.pack(
        source, direction: direction, 0..<layout.input.padded,
        pointer + direction * layout.count)
    }
    values = UnsafePointer(pointer)
  }
  /// Asks for huge pages for those that lie whole in the storage: a step streams through all weights,
  /// and 4 KiB at a time it waits for address translations. A wish, which may fail.
  private static func preferHugePages(_ storage: TensorStorage) {
    let page = 2 << 20
    let start = UInt(bitPattern: storage.pointer)
    let skipped = Int((UInt(page) - start % UInt(page)) % UInt(page))
    let bytes = (storage.byteCount - skipped) / page * page
    if bytes > 0 { madvise(storage.pointer + skipped, bytes, MADV_HUGEPAGE) }
  }
}
