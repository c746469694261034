import ONNXFormat
import ONNXOperators

/// Makes a plan: prepares the kernels, then gives every value a place in memory for its lifetime.
struct Planner {
  let program: Program
  /// Whether the program is not the one that keeps the plan.
  private let isSpecialized: Bool
  let engine: Engine
  let inference: Inference
  var roots: [Int32]
  var actions: [(node: Int, action: Action)] = []
  private var scratch = 0
  private var readers: ConstantReaders?
  let log: PlanLog?

  enum Action {
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
  ///   - captureConstants: contents of those that are the same in each run
  ///   - log: takes notes of all decisions; the plan is then for show, and constants keep their
  ///     contents
  static func plan(
    _ program: Program, inputs: [ValueType?], captures: [ValueType?] = [],
    captureConstants: [Value?] = [], engine: Engine, log: PlanLog? = nil
  ) throws(ModelError) -> Plan {
    func infer(_ program: Program) throws(ModelError) -> Inference {
      try Inference(
        program, inputs: inputs, captures: captures, captureConstants: captureConstants,
        engine: engine, lenient: true)
    }
    let original = program
    var program = program
    var inference = try infer(program)
    while let taken = program.takingKnownBranches(inference, engine: engine) {
      program = taken.withoutUnusedNodes
      inference = try infer(program)
    }
    try engine.checkTime()
    log?.begin(program, inference.types)
    var planner = Planner(program, isSpecialized: program !== original, engine, inference, log)
    for index in program.nodes.indices {
      // A plan that gives the memory of constants back must be finished.
      if planner.readers == nil, Deadline.isPassed {
        throw .deadline(limit: engine.options.timeLimit ?? .zero)
      }
      // What kernels are prepared with is kept for later runs.
      try Deadline.ignoring { () throws(ModelError) in try planner.prepare(index) }
    }
    return try Deadline.ignoring { () throws(ModelError) in
      try planner.finish(inputs: inputs, captures: captures)
    }
  }

  private init(
    _ program: Program, isSpecialized: Bool, _ engine: Engine, _ inference: Inference,
    _ log: PlanLog?
  ) {
    self.program = program
    self.isSpecialized = isSpecialized
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
      let kernel = try kernel(of: index, inputs, types)
    else {
      log?.note(index, "prepared in each run, since shapes depend on data")
      let memory = NodeMemory(node, maxPlans: engine.options.maxPlans)
      actions.append((index, .run(.evaluate(memory))))
      return
    }
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

  /// The kernel of a node; `nil` where it needs the types of outputs that depend on data.
  private mutating func kernel(
    of index: Int, _ inputs: Inputs, _ types: [ValueType?]
  ) throws(ModelError) -> Kernel? {
    let node = program.nodes[index]
    let areKnown = zip(node.outputs, types).allSatisfy { $0 < 0 || $1?.isComplete == true }
    var preparation = Preparation(
      inputs: inputs, outputs: types.map { $0?.tensorType }, threads: engine.pool.threads,
      packed: engine.packed, convolution: engine.options.convolution,
      precision: engine.options.precision,
      isBatchInvariant: engine.options.isBatchInvariant, notes: log.map { _ in KernelNotes() })
    preparation.exchange = engine.options.exchange
    let kernel: Kernel
    do { kernel = try node.body.prepare(preparation) } catch {
      if !areKnown { return nil }
      throw node.error(error)
    }
    if !areKnown {
      // A kernel that makes its outputs finds their types itself.
      guard case .produce = kernel else { return nil }
    }
    for text in preparation.notes?.all ?? [] { log?.note(index, text) }
    for input in preparation.replaced.all { readers?.remove(inputs.constant(input)) }
    return kernel
  }

  func root(_ number: Int32) -> Int32 { number < 0 ? number : roots[Int(number)] }

  /// The values that a step uses, views replaced by the values they show.
  func uses(_ node: Program.Node) -> [Int32] {
    node.inputs.map(root) + node.subgraphs.flatMap { $0.captures.map(root) }
  }

  private mutating func finish(
    inputs: [ValueType?], captures: [ValueType?]
  ) throws(ModelError) -> Plan {
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
          action: action, node, at: entry.node, firstSlot: slots.count, allocations: allocations,
          releases: releases))
      slots += node.inputs.map(root) + node.outputs
    }
    _ = try total(try total(arena.size, scratch), heapBytes)
    return Plan(
      program: program, isSpecialized: isSpecialized, inputTypes: inputs + captures, engine: engine,
      steps: steps, slots: slots,
      transients: transients, roots: roots, offsets: offsets,
      types: inference.types.map(Plan.Memory.init),
      constants: inference.constants, arenaBytes: arena.size + scratch,
      scratchOffset: arena.size)
  }
}
