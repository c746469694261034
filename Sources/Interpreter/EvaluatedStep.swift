import ONNXFormat
import ONNXOperators
import Synchronization

/// A node of unknown types, prepared for the types of its last run. The contents of inputs that decide
/// shapes are part of those types; the kernel knows no others that differ from run to run.
struct PreparedNode: Sendable {
  fileprivate let inputs: [Plan.Memory?]
  /// The contents of inputs that decide shapes.
  fileprivate let contents: [Tensor?]
  fileprivate let outputs: [Plan.Memory?]
  fileprivate let kernel: Kernel

  fileprivate func fits(_ call: borrowing Call) -> Bool {
    guard inputs.count == call.inputs.count else { return false }
    for index in inputs.indices {
      switch (inputs[index], call.inputs[index]) {
      case (nil, nil): continue
      case (let type?, .tensor(let tensor)?):
        guard type.fits(tensor) else { return false }
        if let content = contents[index], content != tensor { return false }
      default: return false
      }
    }
    return true
  }
}

/// What a node of unknown types keeps from run to run.
final class NodeMemory: Sendable {
  /// The plans of the node's subgraphs.
  let plans: [PlanCache]
  fileprivate let prepared = Mutex<PreparedNode?>(nil)

  init(_ node: Program.Node, maxPlans: Int) {
    plans = node.subgraphs.map { _ in PlanCache(limit: maxPlans) }
  }
}

extension RunState {
  /// Runs a node whose types were not known when the plan was made.
  func evaluate(_ step: Plan.Step, _ memory: NodeMemory, _ run: Run) throws(OperatorError) {
    let call = try call(step, run)
    if let prepared = memory.prepared.withLock({ $0 }), prepared.fits(call) {
      return try compute(prepared, step, call)
    }
    let node = plan.program.nodes[step.node]
    if let prepared = try? prepare(node, call) {
      memory.prepared.withLock { $0 = prepared }
      return try compute(prepared, step, call)
    }
    var subgraphs: [String: any SubgraphRunner] = [:]
    var first = 0
    for (subgraph, plans) in zip(node.subgraphs, memory.plans) {
      let last = first + subgraph.captures.count
      subgraphs[subgraph.attribute] = Subgraph(
        program: subgraph.program, engine: plan.engine, plans: plans,
        captureTypes: call.captures[first..<last].map { $0?.type },
        captureConstants: subgraph.captures.map { plan.constants[Int($0)] }, firstCapture: first,
        lenient: true, steps: InferenceSteps(subgraph.program))
      first = last
    }
    let inputs = Inputs(
      types: call.inputs.map { $0?.type }, constants: call.inputs, subgraphs: subgraphs)
    try node.check(inputs)
    try store(
      try node.body.evaluate(inputs, call, wanted: node.outputs.map { $0 >= 0 }), step)
  }

  /// - Returns: `nil` where the types of the outputs depend on more than those of the inputs
  private func prepare(
    _ node: Program.Node, _ call: borrowing Call
  ) throws(OperatorError) -> PreparedNode? {
    guard node.subgraphs.isEmpty else { return nil }
    let shapeInputs = node.body.shapeInputs
    var types: [Plan.Memory?] = []
    var contents: [Tensor?] = []
    var constants: [Value?] = []
    for (index, number) in node.inputs.enumerated() {
      guard let value = call.inputs[index] else {
        types.append(nil)
        contents.append(nil)
        constants.append(nil)
        continue
      }
      guard let tensor = value.tensor, tensor.elementType != .string else { return nil }
      let constant = plan.constants[Int(number)]
      let decides = constant == nil && shapeInputs.contains(index)
      types.append(Plan.Memory(value.type))
      contents.append(decides ? tensor : nil)
      constants.append(decides ? value : constant)
    }
    let inputs = Inputs(types: call.inputs.map { $0?.type }, constants: constants)
    try node.check(inputs)
    let inferred = try node.body.inferChecked(inputs, outputs: node.outputs.count)
    var outputs: [Plan.Memory?] = []
    for (number, type) in zip(node.outputs, inferred) {
      let memory = number < 0 ? nil : Plan.Memory(type)
      if number >= 0 {
        guard let memory, memory.elementType != .string else { return nil }
      }
      outputs.append(memory)
    }
    let options = plan.engine.options
    var preparation = Preparation(
      inputs: inputs, outputs: zip(node.outputs, inferred).map { $0 < 0 ? nil : $1.tensorType },
      threads: pool.threads, packed: plan.engine.packed, convolution: options.convolution,
      precision: options.precision, isBatchInvariant: options.isBatchInvariant)
    preparation.exchange = options.exchange
    let prepared = preparation
    let kernel = try Deadline.ignoring { () throws(OperatorError) in
      try node.body.prepare(prepared)
    }
    return PreparedNode(inputs: types, contents: contents, outputs: outputs, kernel: kernel)
  }

  private func compute(
    _ prepared: PreparedNode, _ step: Plan.Step, _ call: borrowing Call
  ) throws(OperatorError) {
    switch prepared.kernel {
    case .view(let input):
      let sizes = prepared.outputs[0]?.sizes ?? []
      try store([.tensor(try call.tensor(input).viewed(as: sizes))], step)
    case .produce(let body): try store(try body(call), step)
    case .compute(let scratch, let body): try compute(prepared, step, call, scratch, body)
    case .parts(_, _, let otherwise): try compute(prepared, step, call, 0, otherwise)
    case .join(let copying):
      try compute(prepared, step, call, 0, copying(Array(step.inputs.indices)))
    }
  }

  private func compute(
    _ prepared: PreparedNode, _ step: Plan.Step, _ call: borrowing Call, _ scratch: Int,
    _ body: Kernel.Body
  ) throws(OperatorError) {
    for (index, number) in step.outputs.enumerated() where number >= 0 {
      guard let type = prepared.outputs[index] else { continue }
      let tensor = try call.allocate(type.elementType, type.sizes)
      try check(.tensor(tensor), number, output: index)
      set(number, .tensor(tensor))
    }
    let memory = try call.allocate(.uint8, [scratch])
    try withExtendedLifetime(memory) { () throws(OperatorError) in
      try plan.slots.withUnsafeBufferPointer { slots throws(OperatorError) in
        guard let base = slots.baseAddress else { return }
        try body(
          Buffers(
            table: table, slots: base + step.firstSlot, inputCount: step.inputs.count,
            scratch: memory.storage.pointer, pool: pool))
      }
    }
  }
}
