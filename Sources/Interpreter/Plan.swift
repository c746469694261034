import ONNXFormat
import ONNXOps
import Synchronization

/// A program made ready to run on inputs of certain types: kernels in order, and a place for
/// every value. It never changes; any number of runs may use it at once.
final class Plan: Sendable {
  enum Action: Sendable {
    case compute(Kernel.Body)
    case produce(@Sendable (borrowing Call) throws(OperatorError) -> [Value?])
    /// Types are known no sooner than the inputs: infer, prepare and run then.
    case evaluate
  }

  /// A class, so that going through the list copies nothing.
  final class Step: Sendable {
    let action: Action
    let node: Int
    /// Where in `slots` the numbers of its inputs and outputs are.
    let firstSlot: Int
    let inputCount: Int
    /// Values to allocate on the heap before it runs.
    let allocations: [Int32]
    /// Values on the heap that nobody uses after it.
    let releases: [Int32]
    let touchesHeap: Bool

    init(
      action: Action, node: Int, firstSlot: Int, inputCount: Int, allocations: [Int32],
      releases: [Int32]
    ) {
      self.action = action
      self.node = node
      self.firstSlot = firstSlot
      self.inputCount = inputCount
      self.allocations = allocations
      self.releases = releases
      self.touchesHeap = !allocations.isEmpty || !releases.isEmpty
    }
  }

  /// Whoever runs the plan keeps its program, which keeps its plans.
  unowned let program: Program
  let engine: Engine
  let steps: [Step]
  /// For each step the values its kernel reads and writes, views replaced by what they show.
  let slots: [Int32]
  /// Values with contents of their own that are neither constant nor in the arena.
  let transients: [Int32]
  /// The value whose memory each value's is: itself, or what it is a view of.
  let roots: [Int32]
  /// Offset of a value in the arena; −1 for those elsewhere.
  let offsets: [Int]
  /// The types of values with planned memory.
  let types: [TensorType?]
  let constants: [Value?]
  let arenaBytes: Int
  let scratchOffset: Int
  private let idle = Mutex<[RunState]>([])

  init(
    program: Program, engine: Engine, steps: [Step], slots: [Int32], transients: [Int32],
    roots: [Int32], offsets: [Int], types: [TensorType?], constants: [Value?], arenaBytes: Int,
    scratchOffset: Int
  ) {
    self.program = program
    self.engine = engine
    self.steps = steps
    self.slots = slots
    self.transients = transients
    self.roots = roots
    self.offsets = offsets
    self.types = types
    self.constants = constants
    self.arenaBytes = arenaBytes
    self.scratchOffset = scratchOffset
  }

  /// Runs the plan once.
  /// - Parameter inputs: one value for each of the program's inputs, of the plan's types
  func run(
    _ inputs: [Value], captures: [Value?] = [], _ run: Run
  ) throws(ModelError) -> [Value] {
    var reused: [(number: Int32, tensor: Tensor)] = []
    return try self.run(inputs, captures: captures, reusing: &reused, run)
  }

  /// Runs the plan once.
  /// - Parameters:
  ///   - inputs: one value for each of the program's inputs, of the plan's types
  ///   - reused: tensors whose memory outputs of the same type may take; empty after
  func run(
    _ inputs: [Value], captures: [Value?] = [],
    reusing reused: inout [(number: Int32, tensor: Tensor)],
    _ run: Run
  ) throws(ModelError) -> [Value] {
    let state: RunState
    if let last = idle.withLock({ $0.popLast() }) {
      state = last
    } else {
      state = try RunState(self)
    }
    defer {
      state.clear()
      idle.withLock { if $0.count < engine.pool.threads * 2 { $0.append(state) } }
    }
    state.set(program.inputs, inputs)
    state.set(program.captures, captures)
    state.keepsOutputs = !reused.isEmpty
    while let (number, tensor) = reused.popLast() { state.set([number], [.tensor(tensor)]) }
    try state.execute(run)
    var outputs: [Value] = []
    for number in program.outputs { outputs.append(try state.output(number)) }
    return outputs
  }
}

/// Memory and values of one run at a time of a plan.
final class RunState: @unchecked Sendable {
  /// Whoever runs it keeps the plan, which keeps the states that are idle.
  unowned let plan: Plan
  /// The address of every value with one; what `Buffers.table` points to.
  private let table: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  /// Values that are not in the arena.
  private(set) var values: [Value?]
  private let arena: TensorStorage
  private let scratch: UnsafeMutableRawPointer
  private let pool: ThreadPool
  /// Keep the memory of outputs from run to run where nobody else holds it.
  var keepsOutputs = false

  init(_ plan: Plan) throws(ModelError) {
    self.plan = plan
    do { arena = try TensorStorage(byteCount: plan.arenaBytes) } catch {
      throw .memory(needed: plan.arenaBytes, limit: plan.engine.memoryLimit)
    }
    scratch = arena.pointer + plan.scratchOffset
    pool = plan.engine.pool
    values = plan.constants
    table = .allocate(capacity: plan.roots.count)
    for index in plan.roots.indices {
      let offset = plan.offsets[Int(plan.roots[index])]
      let address =
        offset >= 0 ? arena.pointer + offset : plan.constants[index]?.tensor?.storage.pointer
      (table + index).initialize(to: address)
    }
  }

  deinit { table.deallocate() }

  /// Forgets everything that the last run was given and made.
  func clear() {
    for number in plan.transients { values[Int(number)] = nil }
  }

  /// Gives values their contents.
  func set(_ numbers: [Int32], _ contents: [Value?]) {
    for (number, value) in zip(numbers, contents) {
      values[Int(number)] = value
      table[Int(number)] = value?.tensor?.storage.pointer
    }
  }

  func execute(_ run: Run) throws(ModelError) {
    try plan.slots.withUnsafeBufferPointer { slots throws(ModelError) in
      guard let base = slots.baseAddress else { return }
      for step in plan.steps {
        do throws(OperatorError) {
          if run.hasDeadline { try run.checkTime() }
          if let profile = run.profile {
            let start = ContinuousClock.now
            try execute(step, base, run)
            profile.record(plan.program.nodes[step.node], from: start)
          } else {
            try execute(step, base, run)
          }
        } catch {
          throw plan.program.nodes[step.node].error(error)
        }
      }
    }
  }

  @inline(__always)
  private func execute(
    _ step: Plan.Step, _ slots: UnsafePointer<Int32>, _ run: Run
  ) throws(OperatorError) {
    if step.touchesHeap {
      for number in step.allocations { try allocate(number, run) }
    }
    switch step.action {
    case .compute(let body):
      try body(
        Buffers(
          table: table, slots: slots + step.firstSlot, inputCount: step.inputCount,
          scratch: scratch, pool: pool))
    case .produce(let body): try store(try body(try call(step, run)), step)
    case .evaluate: try evaluate(step, run)
    }
    if step.touchesHeap {
      for number in step.releases { values[Int(number)] = nil }
    }
  }

  /// The value of an output of the program.
  func output(_ number: Int32) throws(ModelError) -> Value {
    let value: Value?
    do { value = try self.value(number) } catch {
      throw .graph("output '\(plan.program.names[Int(number)])': \(error)")
    }
    guard let value else {
      throw .graph("output '\(plan.program.names[Int(number)])' has no value")
    }
    return value
  }

  private func value(_ number: Int32) throws(OperatorError) -> Value? {
    if let value = values[Int(number)] { return value }
    let root = plan.roots[Int(number)]
    guard root != number, let tensor = values[Int(root)]?.tensor,
      let sizes = plan.types[Int(number)]?.shape?.sizes
    else { return nil }
    return .tensor(try tensor.viewed(as: sizes))
  }

  private func allocate(_ number: Int32, _ run: Run) throws(OperatorError) {
    if keepsOutputs, case .tensor(var last)? = values[Int(number)] {
      values[Int(number)] = nil
      if last.hasUniqueStorage() {
        values[Int(number)] = .tensor(last)
        return
      }
    }
    guard let type = plan.types[Int(number)], let sizes = type.shape?.sizes else { return }
    try run.reserve(bytes: type.byteCount ?? Int.max)
    let tensor: Tensor
    do { tensor = try Tensor(uninitialized: type.elementType, shape: sizes) } catch {
      throw OperatorError(error)
    }
    values[Int(number)] = .tensor(tensor)
    table[Int(number)] = tensor.storage.pointer
  }

  private func call(_ step: Plan.Step, _ run: Run) throws(OperatorError) -> Call {
    let node = plan.program.nodes[step.node]
    var inputs: [Value?] = []
    for number in node.inputs { inputs.append(number < 0 ? nil : try value(number)) }
    var captures: [Value?] = []
    for subgraph in node.subgraphs {
      for number in subgraph.captures { captures.append(try value(number)) }
    }
    return Call(inputs: inputs, captures: captures, pool: plan.engine.pool, context: run)
  }

  private func evaluate(_ step: Plan.Step, _ run: Run) throws(OperatorError) {
    let node = plan.program.nodes[step.node]
    let call = try call(step, run)
    var subgraphs: [String: any SubgraphRunner] = [:]
    var first = 0
    for subgraph in node.subgraphs {
      let last = first + subgraph.captures.count
      subgraphs[subgraph.attribute] = Subgraph(
        program: subgraph.program, engine: plan.engine,
        captureTypes: call.captures[first..<last].map { $0?.type }, firstCapture: first,
        lenient: true)
      first = last
    }
    let inputs = Inputs(
      types: call.inputs.map { $0?.type }, constants: call.inputs, subgraphs: subgraphs)
    try node.check(inputs)
    try store(
      try node.body.evaluate(inputs, call, wanted: node.outputs.map { $0 >= 0 }), step)
  }

  private func store(_ results: [Value?], _ step: Plan.Step) throws(OperatorError) {
    let outputs = plan.program.nodes[step.node].outputs
    for (index, number) in outputs.enumerated() where number >= 0 {
      guard index < results.count, let value = results[index] else {
        throw .output(index, "the operator made nothing")
      }
      // Later kernels were prepared for the inferred shape.
      if let planned = plan.types[Int(number)], value.tensor?.type != planned {
        throw .output(index, "expected \(planned), made \(value.type)")
      }
      values[Int(number)] = value
      table[Int(number)] = value.tensor?.storage.pointer
    }
  }
}

/// Plans for the types seen last, the oldest thrown away first.
final class PlanCache: Sendable {
  private struct Key: Hashable {
    let inputs: [ValueType?]
    let captures: [ValueType?]
  }
  private let limit: Int
  private let entries = Mutex<(plans: [Key: Plan], order: [Key])>(([:], []))
  /// The plan of a program that owns its constants, which can be made but once.
  private let only = Mutex<Result<Plan, ModelError>?>(nil)

  init(limit: Int) { self.limit = max(1, limit) }

  func plan(
    for program: Program, inputs: [ValueType?], captures: [ValueType?] = [], engine: Engine
  ) throws(ModelError) -> Plan {
    if program.ownsConstants {
      let result = only.withLock { only in
        let result =
          only
          ?? Result { () throws(ModelError) in
            try Planner.plan(program, inputs: inputs, captures: captures, engine: engine)
          }
        only = result
        return result
      }
      return try result.get()
    }
    let key = Key(inputs: inputs, captures: captures)
    if let plan = entries.withLock({ $0.plans[key] }) { return plan }
    let plan = try Planner.plan(program, inputs: inputs, captures: captures, engine: engine)
    entries.withLock { entries in
      if entries.plans.updateValue(plan, forKey: key) == nil { entries.order.append(key) }
      if entries.order.count > limit { entries.plans[entries.order.removeFirst()] = nil }
    }
    return plan
  }
}
