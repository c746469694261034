import CKernels
import ONNXFormat

extension Preparation {
  /// The kernel that `make` returns for float32 instead of 16-bit floats. Such inputs are converted
  /// before it runs, constant ones only once, and such outputs are rounded after it.
  package func widened(
    _ make: (Preparation) throws(OperatorError) -> Kernel
  ) throws(OperatorError) -> Kernel {
    let types = inputs.types.map { $0?.tensorType?.widened.map(ValueType.tensor) ?? $0 }
    var constants = inputs.constants
    var addresses: [Int: TensorStorage] = [:]
    for index in constants.indices {
      guard let constant = inputs.constant(index), let widen = Conversion(of: constant.elementType),
        let storage = try wideConstant(index, constant, widen)
      else { continue }
      addresses[index] = storage
      constants[index] = .tensor(Tensor(storage, of: .float32, shape: constant.shape))
    }
    let wide = Preparation(
      inputs: Inputs(types: types, constants: constants, subgraphs: inputs.subgraphs),
      outputs: outputs.map { $0?.widened ?? $0 }, threads: threads, packed: packed,
      convolution: convolution, precision: precision, isBatchInvariant: isBatchInvariant,
      notes: notes)
    guard case .compute(let scratch, let body) = try make(wide) else {
      throw .unsupported("16-bit floats")
    }
    for index in wide.replaced.all { replaced.insert(index) }

    var layout = WideLayout(places: types.count + outputs.count, addresses: addresses)
    for (index, type) in inputs.types.enumerated() where addresses[index] == nil {
      try layout.add(type?.tensorType, at: index, isInput: true)
    }
    for (index, type) in outputs.enumerated() {
      try layout.add(type, at: types.count + index, isInput: false)
    }
    let final = layout
    return .compute(scratch: .total(final.size, scratch)) { buffers throws(OperatorError) in
      for passage in final.incoming { buffers.parallel(passage.tasks, passage.tile) }
      try body(final.buffers(buffers))
      for passage in final.outgoing { buffers.parallel(passage.tasks, passage.tile) }
    }
  }

  private func wideConstant(
    _ index: Int, _ tensor: Tensor, _ conversion: Conversion
  ) throws(OperatorError) -> TensorStorage? {
    let tasks = Tasks(tensor.count)
    return try packed(
      input: index, layout: "float32", byteCount: .work(tensor.count, 4), tiles: tasks.count
    ) { source, target, task in
      let range = tasks[task]
      conversion.widen(
        source.assumingMemoryBound(to: UInt16.self) + range.lowerBound,
        target.assumingMemoryBound(to: Float.self) + range.lowerBound, range.count)
    }
  }
}

extension ElementType {
  /// Whether it is float16 or bfloat16.
  package var isNarrowFloat: Bool { self == .float16 || self == .bfloat16 }
}

extension TensorType {
  /// The type with float32 instead of a 16-bit float; `nil` for other types.
  fileprivate var widened: TensorType? {
    elementType.isNarrowFloat ? TensorType(.float32, shape) : nil
  }
}

/// The conversion of a 16-bit float type to float32 and back.
private struct Conversion: Sendable {
  let widen: @Sendable (UnsafePointer<UInt16>, UnsafeMutablePointer<Float>, Int) -> Void
  let round: @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<UInt16>, Int) -> Void

  init?(of type: ElementType) {
    switch type {
    case .float16:
      (widen, round) = ({ ck_half_to_float($0, $1, $2) }, { ck_float_to_half($0, $1, $2) })
    case .bfloat16:
      (widen, round) = ({ ck_bfloat_to_float($0, $1, $2) }, { ck_float_to_bfloat($0, $1, $2) })
    default: return nil
    }
  }
}

/// The elements of a tensor, split into tasks.
private struct Tasks {
  private static let size = 1 << 14
  let elements: Int

  init(_ elements: Int) { self.elements = elements }

  var count: Int { elements / Self.size + (elements % Self.size == 0 ? 0 : 1) }

  subscript(task: Int) -> Range<Int> {
    task * Self.size..<min((task + 1) * Self.size, elements)
  }
}

/// The layout of the scratch memory of a widened kernel: addresses of inputs and outputs, their slots,
/// the converted tensors, and the scratch memory of the kernel itself.
private struct WideLayout: Sendable {
  /// The conversion of a tensor before or after the kernel.
  struct Passage: Sendable {
    package let place: Int
    package let offset: Int
    package let tasks: Int
    package let tile: Buffers.Tile
  }

  private let places: Int
  /// Constants, which are already converted.
  private let addresses: [Int: TensorStorage]
  private(set) var size: Int
  private(set) var incoming: [Passage] = []
  private(set) var outgoing: [Passage] = []

  init(places: Int, addresses: [Int: TensorStorage]) {
    self.places = places
    self.addresses = addresses
    size = Self.tableSize(places) + Int.work(places.vectors, MemoryLayout<Int32>.stride)
  }

  private static func tableSize(_ places: Int) -> Int {
    places.vectors * MemoryLayout<UnsafeMutableRawPointer?>.stride
  }

  mutating func add(
    _ type: TensorType?, at place: Int, isInput: Bool
  ) throws(OperatorError) {
    guard let type, let conversion = Conversion(of: type.elementType) else { return }
    guard let count = type.shape?.sizes?.elementCount else {
      throw .invalid("the shape of an input or output is not known")
    }
    let tasks = Tasks(count)
    let offset = size
    size = .total(size, .work(count.vectors, MemoryLayout<Float>.stride))
    let tile: Buffers.Tile = { buffers, task, _ in
      let range = tasks[task]
      let narrow = buffers.address(place).assumingMemoryBound(to: UInt16.self) + range.lowerBound
      let wide = (buffers.scratch + offset).assumingMemoryBound(to: Float.self) + range.lowerBound
      if isInput {
        conversion.widen(narrow, wide, range.count)
      } else {
        conversion.round(wide, narrow, range.count)
      }
    }
    let passage = Passage(place: place, offset: offset, tasks: tasks.count, tile: tile)
    if isInput { incoming.append(passage) } else { outgoing.append(passage) }
  }

  /// The buffers that the kernel for float32 is called with.
  func buffers(_ outer: Buffers) -> Buffers {
    let table = outer.scratch.assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    let slots = (outer.scratch + Self.tableSize(places)).assumingMemoryBound(to: Int32.self)
    for place in 0..<places {
      let slot = Int(outer.slots[place])
      table[place] = slot < 0 ? nil : outer.table[slot]
      slots[place] = slot < 0 ? -1 : Int32(truncatingIfNeeded: place)
    }
    for (place, storage) in addresses {
      table[place] = storage.pointer
      slots[place] = Int32(truncatingIfNeeded: place)
    }
    for passage in incoming { table[passage.place] = outer.scratch + passage.offset }
    for passage in outgoing { table[passage.place] = outer.scratch + passage.offset }
    return Buffers(
      table: table, slots: slots, inputCount: outer.inputCount, scratch: outer.scratch + size,
      pool: outer.pool)
  }
}
