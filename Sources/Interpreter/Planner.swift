import ONNXFormat
import ONNXOperators

/// Makes a plan: prepares the kernels, then gives every value a place in memory for its lifetime.
struct Planner {
  private let program: Program
  private let engine: Engine
  private let inference: Inference
  private var roots: [Int32]
  private var actions: [(node: Int, action: Action)] = []
  private var scratch = 0
  private var readers: ConstantReaders?
  private let log: PlanLog?

  private enum Action {
    case run(Plan.Action)
    case parts(of: Int32, offsets: [Int], otherwise: Kernel.Body)
    case join(copying: @Sendable ([Int]) -> Kernel.Body)
    /// The outputs already lie where they belong.
    case nothing

    /// Whether its values may lie in the arena.
    var isCompute: Bool {
      switch self {
      case .run(.compute), .parts, .join, .nothing: true
      case .run: false
      }
    }
  }

  /// Makes the plan for inputs of these types.
  ///
  /// Constants that the program owns lose their contents where kernels read packed forms alone.
  /// - Parameters:
  ///   - inputs: types of the program's inputs
  ///   - captures: types of the captured values
  ///   - log: takes notes of all decisions; the plan is then for show, and constants keep their
  ///     contents
  static func plan(
    _ program: Program, inputs: [ValueType?], captures: [ValueType?] = [], engine: Engine,
    log: PlanLog? = nil
  ) throws(ModelError) -> Plan {
    let inference = try Inference(
      program, inputs: inputs, captures: captures, engine: engine, lenient: true)
    try engine.checkTime()
    log?.types = inference.types
    // What kernels are prepared with is kept for later runs, and the memory of constants given back.
    return try Deadline.ignoring { () throws(ModelError) in
      var planner = Planner(program, engine, inference, log)
      for index in program.nodes.indices { try planner.prepare(index) }
      return try planner.finish()
    }
  }

  private init(
    _ program: Program, _ engine: Engine, _ inference: Inference, _ log: PlanLog?
  ) {
    self.program = program
    self.engine = engine
    self.inference = inference
    self.roots = program.names.indices.map(Int32.init)
    self.log = log
    if log == nil, let ownership = program.ownership {
      self.readers = ConstantReaders(program, inference, ownership)
    }
  }

  private mutating func prepare(_ index: Int) throws(ModelError) {
    let node = program.nodes[index]
    let isKnown = node.outputs.allSatisfy { $0 < 0 || inference.constants[Int($0)] != nil }
    if isKnown, node.body.isPure, node.subgraphs.isEmpty {
      log?.note(index, "constant")
      return
    }
    let types = node.outputs.map { $0 < 0 ? nil : inference.types[Int($0)] }
    guard let inputs = inference.inputs(of: node, engine: engine, lenient: true),
      inputs.types.allSatisfy({ $0?.isComplete ?? true }),
      node.body.shapeInputs.allSatisfy({ !inputs.has($0) || inputs.constant($0) != nil }),
      zip(node.outputs, types).allSatisfy({ $0 < 0 || $1?.isComplete == true })
    else {
      log?.note(index, "prepared in each run, since shapes depend on data")
      actions.append((index, .run(.evaluate)))
      return
    }
    let preparation = Preparation(
      inputs: inputs, outputs: types.map { $0?.tensorType }, threads: engine.pool.threads,
      packed: engine.packed, convolution: engine.options.convolution,
      precision: engine.options.precision,
      isBatchInvariant: engine.options.isBatchInvariant, notes: log.map { _ in KernelNotes() })
    let kernel: Kernel
    do { kernel = try node.body.prepare(preparation) } catch { throw node.error(error) }
    for text in preparation.notes?.all ?? [] { log?.note(index, text) }
    for input in preparation.replaced.all { readers?.remove(inputs.constant(input)) }
    switch kernel {
    case .view(let input):
      log?.note(index, "view")
      roots[Int(node.outputs[0])] = roots[Int(node.inputs[input])]
    case .compute(let bytes, let body):
      guard bytes >= 0, bytes <= engine.memoryLimit else {
        throw .memory(needed: bytes, limit: engine.memoryLimit)
      }
      scratch = max(scratch, bytes)
      actions.append((index, .run(.compute(body))))
    case .produce(let body): actions.append((index, .run(.produce(body))))
    case .parts(let input, let offsets, let otherwise):
      let whole = root(node.inputs[input])
      actions.append((index, .parts(of: whole, offsets: offsets, otherwise: otherwise)))
    case .join(let copying): actions.append((index, .join(copying: copying)))
    }
  }

  private func root(_ number: Int32) -> Int32 { number < 0 ? number : roots[Int(number)] }

  /// The values that a step uses, views replaced by the values they show.
  private func uses(_ node: Program.Node) -> [Int32] {
    node.inputs.map(root) + node.subgraphs.flatMap { $0.captures.map(root) }
  }

  private mutating func finish() throws(ModelError) -> Plan {
    var lifetimes = lifetimes()
    let placement = try place(lifetimes)
    for number in roots.indices {
      let block = Int(placement.place(Int32(number)).block)
      lifetimes.lastUse[block] = max(lifetimes.lastUse[block], lifetimes.lastUse[number])
    }
    var arena = Arena()
    var offsets = [Int](repeating: -1, count: program.names.count)
    var steps: [Plan.Step] = []
    var slots: [Int32] = []
    var transients = program.inputs + program.captures
    var heapBytes = 0
    for (position, entry) in actions.enumerated() {
      let node = program.nodes[entry.node]
      var allocations: [Int32] = []
      var releases: [Int32] = []
      for (index, number) in node.outputs.enumerated() where number >= 0 {
        if lifetimes.onHeap[Int(number)] {
          transients.append(number)
          guard entry.action.isCompute else { continue }
          allocations.append(number)
          heapBytes = try total(heapBytes, try bytes(number))
          continue
        }
        let (block, offset) = placement.place(number)
        if offsets[Int(block)] < 0 {
          if index == 0, block == number,
            let input = overwritable(node, lifetimes, placement, at: Int32(position), offsets)
          {
            log?.note(entry.node, "in place")
            offsets[Int(block)] = offsets[Int(input)]
            lifetimes.lastUse[Int(input)] = .max
          } else {
            offsets[Int(block)] = arena.allocate(try bytes(block))
            _ = try total(arena.size, 0)
          }
        }
        offsets[Int(number)] = offsets[Int(block)] + offset
      }
      for number in uses(node) + node.outputs where number >= 0 {
        let number = placement.place(number).block
        guard lifetimes.lastUse[Int(number)] <= Int32(position) else { continue }
        lifetimes.lastUse[Int(number)] = .max
        if offsets[Int(number)] >= 0 {
          arena.free(offsets[Int(number)], try bytes(number))
        } else if lifetimes.isMade[Int(number)] {
          releases.append(number)
        }
      }
      guard case .run(let action) = entry.action else { continue }
      steps.append(
        Plan.Step(
          action: action, node: entry.node, firstSlot: slots.count,
          inputCount: node.inputs.count, allocations: allocations, releases: releases))
      slots += node.inputs.map(root) + node.outputs
    }
    _ = try total(try total(arena.size, scratch), heapBytes)
    return Plan(
      program: program, engine: engine, steps: steps, slots: slots, transients: transients,
      roots: roots, offsets: offsets,
      types: inference.types.map { $0?.isComplete == true ? $0?.tensorType : nil },
      constants: inference.constants, arenaBytes: arena.size + scratch,
      scratchOffset: arena.size)
  }

  private struct Lifetimes {
    /// The last step that uses a value; −1 for none, `Int32.max` for outputs.
    var lastUse: [Int32]
    /// Whether a value cannot lie in the arena, since it outlives the run or others may keep it.
    var onHeap: [Bool]
    /// Whether a step makes the value.
    var isMade: [Bool]
  }

  private func lifetimes() -> Lifetimes {
    let count = program.names.count
    var result = Lifetimes(
      lastUse: Array(repeating: -1, count: count), onHeap: Array(repeating: false, count: count),
      isMade: Array(repeating: false, count: count))
    for (position, entry) in actions.enumerated() {
      let node = program.nodes[entry.node]
      let isCompute = entry.action.isCompute
      for number in uses(node) where number >= 0 {
        result.lastUse[Int(number)] = Int32(position)
        if !isCompute { result.onHeap[Int(number)] = true }
      }
      for number in node.outputs where number >= 0 {
        result.isMade[Int(number)] = true
        if !isCompute || inference.types[Int(number)]?.tensorType?.elementType == .string {
          result.onHeap[Int(number)] = true
        }
      }
    }
    for number in program.outputs {
      result.onHeap[Int(root(number))] = true
      result.lastUse[Int(root(number))] = .max
    }
    return result
  }

  /// Decides which values lie inside others, and which copies cuts and joins still need.
  private mutating func place(_ lifetimes: Lifetimes) throws(ModelError) -> Placement {
    var placement = Placement(count: program.names.count)
    func isPlaced(_ number: Int32) -> Bool {
      lifetimes.isMade[Int(number)] && !lifetimes.onHeap[Int(number)]
    }
    for (position, entry) in actions.enumerated() {
      guard case .parts(let whole, let offsets, let otherwise) = entry.action else { continue }
      let outputs = zip(program.nodes[entry.node].outputs, offsets).filter { $0.0 >= 0 }
      guard isPlaced(whole), outputs.allSatisfy({ isPlaced($0.0) && Arena.isAligned($0.1) }) else {
        log?.note(entry.node, "copied")
        actions[position].action = .run(.compute(otherwise))
        continue
      }
      log?.note(entry.node, "parts of the input's memory")
      for (number, offset) in outputs { placement.put(number, in: whole, at: offset) }
      actions[position].action = .nothing
    }
    // From the last, so that values joined step by step lie in the longest one from the start.
    for (position, entry) in actions.enumerated().reversed() {
      guard case .join(let copying) = entry.action else { continue }
      let node = program.nodes[entry.node]
      let (output, inputs) = (node.outputs[0], node.inputs.map(root))
      var parts: [(number: Int32, bytes: Int)] = []
      for (input, number) in zip(inputs, node.inputs) { parts.append((input, try bytes(number))) }
      if isPlaced(output), placement.find(output, in: parts) {
        log?.note(entry.node, "the inputs lie side by side")
        actions[position].action = .nothing
        continue
      }
      var copied: [Int] = []
      var offset = 0
      for (index, part) in parts.enumerated() {
        if isPlaced(output), isPlaced(part.number), placement.isAlone(part.number),
          Arena.isAligned(offset), try bytes(part.number) == part.bytes,
          placement.place(output).block != part.number
        {
          placement.put(part.number, in: output, at: offset)
        } else {
          copied.append(index)
        }
        offset += part.bytes
      }
      log?.note(entry.node, "copies \(copied.count) of \(parts.count) inputs")
      actions[position].action = copied.isEmpty ? .nothing : .run(.compute(copying(copied)))
    }
    return placement
  }

  /// An input in the arena that no later node uses and whose memory output 0 may take over.
  private func overwritable(
    _ node: Program.Node, _ lifetimes: Lifetimes, _ placement: Placement, at position: Int32,
    _ offsets: [Int]
  ) -> Int32? {
    guard let output = inference.types[Int(node.outputs[0])]?.tensorType else { return nil }
    for index in node.body.overwritableInputs where index < node.inputs.count {
      let input = node.inputs[index]
      guard input >= 0, let type = inference.types[Int(input)]?.tensorType else { continue }
      let root = root(input)
      guard offsets[Int(root)] >= 0, placement.isAlone(root),
        lifetimes.lastUse[Int(root)] == position,
        type.shape == output.shape, type.elementType.stride == output.elementType.stride,
        node.inputs.count(where: { $0 >= 0 && placement.place(self.root($0)).block == root }) == 1
      else { continue }
      return root
    }
    return nil
  }

  private func bytes(_ number: Int32) throws(ModelError) -> Int {
    guard let bytes = inference.types[Int(number)]?.tensorType?.byteCount else {
      throw .memory(needed: .max, limit: engine.memoryLimit)
    }
    return bytes
  }

  /// The sum of two sizes.
  /// - Throws: `ModelError.memory` where it exceeds the limit.
  private func total(_ a: Int, _ b: Int) throws(ModelError) -> Int {
    let (sum, overflow) = a.addingReportingOverflow(b)
    guard !overflow, sum <= engine.memoryLimit else {
      throw .memory(needed: overflow ? .max : sum, limit: engine.memoryLimit)
    }
    return sum
  }
}
