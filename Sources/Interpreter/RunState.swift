import ONNXFormat
import ONNXOperators

/// The memory and the values of a run. It serves one run of a plan at a time.
final class RunState: @unchecked Sendable {
  /// The caller of a run keeps the plan alive, which keeps its idle states.
  unowned let plan: Plan
  /// The addresses of values, as `Buffers.table` points to them.
  private let table: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  /// Values that are not in the arena.
  private(set) var values: [Value?]
  private let arena: TensorStorage
  private let scratch: UnsafeMutableRawPointer
  private let pool: ThreadPool
  /// Whether outputs keep their memory from run to run where nobody else holds it.
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

  /// Drops the values that the last run was given and made.
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

  /// Runs all steps of the plan.
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
          // A kernel that ended early leaves outputs that mean nothing.
          if run.hasDeadline, Deadline.isPassed { try run.checkTime() }
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
      throw .graph("output \(plan.program.names[Int(number)].quoted): \(error)")
    }
    guard let value else {
      throw .graph("output \(plan.program.names[Int(number)].quoted) has no value")
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
        lenient: true, steps: InferenceSteps(subgraph.program))
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
        throw .output(index, "the operator made no value")
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
