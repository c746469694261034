import ONNXFormat
import ONNXOperators

/// The memory and the values of a run. It serves one run of a plan at a time.
final class RunState: @unchecked Sendable {
  /// The caller of a run keeps the plan alive, which keeps its idle states.
  unowned(unsafe) let plan: Plan
  /// The addresses of values, as `Buffers.table` points to them.
  let table: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  /// Values that are not in the arena.
  private(set) var values: [Value?]
  private let arena: TensorStorage
  private let scratch: UnsafeMutableRawPointer
  let pool: ThreadPool
  /// The pool of the caller's thread alone.
  private let caller: ThreadPool
  private let isThreaded: Bool
  /// Whether outputs keep their memory from run to run where nobody else holds it.
  var keepsOutputs = false

  init(_ plan: Plan) throws(ModelError) {
    self.plan = plan
    do { arena = try TensorStorage(byteCount: plan.arenaBytes) } catch {
      throw .memory(needed: plan.arenaBytes, limit: plan.engine.memoryLimit)
    }
    scratch = arena.pointer + plan.scratchOffset
    pool = plan.engine.pool
    caller = plan.engine.caller
    isThreaded = pool.threads > 1
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
  func set(_ numbers: [Int32], _ contents: some Sequence<Value?>) {
    for (number, value) in zip(numbers, contents) { set(number, value) }
  }

  /// Gives a value its contents.
  func set(_ number: Int32, _ value: Value?) {
    values[Int(number)] = value
    table[Int(number)] = value?.tensor?.storage.pointer
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
            profile.record(plan.program.nodes[step.node], in: plan.program, from: start)
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
    case .compute(let body): try compute(body, step, slots)
    case .produce(let body): try store(try body(try call(step, run)), step)
    case .evaluate(let memory): try evaluate(step, memory, run)
    }
    if step.touchesHeap {
      for number in step.releases { values[Int(number)] = nil }
    }
  }

  @inline(__always)
  private func compute(
    _ body: Kernel.Body, _ step: Plan.Step, _ slots: UnsafePointer<Int32>
  ) throws(OperatorError) {
    let choice = isThreaded ? step.pace.choice : .all
    let buffers = Buffers(
      table: table, slots: slots + step.firstSlot, inputCount: step.inputs.count,
      scratch: scratch, pool: choice.isOne ? caller : pool)
    guard choice.isTrial else { return try body(buffers) }
    let start = ContinuousClock.now
    try body(buffers)
    step.pace.record(choice, .now - start)
  }

  /// The memory of a tensor.
  func address(of number: Int32) -> UnsafeMutableRawPointer? {
    table[Int(plan.roots[Int(number)])]
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
      let sizes = plan.types[Int(number)]?.sizes
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
    guard let type = plan.types[Int(number)] else { return }
    try run.reserve(bytes: type.bytes)
    let tensor: Tensor
    do { tensor = try Tensor(uninitialized: type.elementType, shape: type.sizes) } catch {
      throw OperatorError(error)
    }
    values[Int(number)] = .tensor(tensor)
    table[Int(number)] = tensor.storage.pointer
  }

  func call(_ step: Plan.Step, _ run: Run) throws(OperatorError) -> Call {
    var inputs: [Value?] = []
    inputs.reserveCapacity(step.inputs.count)
    for number in step.inputs { inputs.append(number < 0 ? nil : try value(number)) }
    var captures: [Value?] = []
    captures.reserveCapacity(step.captures.count)
    for number in step.captures { captures.append(try value(number)) }
    return Call(inputs: inputs, captures: captures, pool: plan.engine.pool, context: run)
  }

  func store(_ results: [Value?], _ step: Plan.Step) throws(OperatorError) {
    for (index, number) in step.outputs.enumerated() where number >= 0 {
      guard index < results.count, let value = results[index] else {
        throw .output(index, "the operator made no value")
      }
      try check(value, number, output: index)
      set(number, value)
    }
  }

  /// Checks that a value has the type that later kernels were prepared for.
  func check(_ value: Value, _ number: Int32, output index: Int) throws(OperatorError) {
    guard let planned = plan.types[Int(number)], !planned.fits(value.tensor) else { return }
    let type = TensorType(planned.elementType, planned.sizes)
    throw .output(index, "expected \(type), made \(value.type)")
  }
}
