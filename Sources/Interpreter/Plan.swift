import ONNXFormat
import ONNXOperators
import Synchronization

/// A program made ready to run on inputs of certain types: the kernels in order, and a place for every
/// value. A plan never changes; any number of runs may use it at once.
final class Plan: Sendable {
  enum Action: Sendable {
    case compute(Kernel.Body)
    case produce(@Sendable (borrowing Call) throws(OperatorError) -> [Value?])
    /// The types are not known before the run, which infers, prepares and computes.
    case evaluate(NodeMemory)
  }

  /// The type of a value whose sizes are known before the run.
  struct Memory {
    let elementType: ElementType
    let sizes: [Int]
    let bytes: Int

    init?(_ type: ValueType?) {
      guard let type = type?.tensorType, let sizes = type.shape?.sizes else { return nil }
      elementType = type.elementType
      self.sizes = sizes
      bytes = type.byteCount ?? .max
    }

    /// Whether a tensor has this type.
    func fits(_ tensor: Tensor?) -> Bool {
      guard let tensor else { return false }
      return tensor.elementType == elementType && tensor.shape == sizes
    }
  }

  /// A class, so that going through the list copies nothing.
  final class Step: Sendable {
    let action: Action
    let node: Int
    /// The values that the node reads, and those that its subgraphs capture.
    let inputs: [Int32]
    let captures: [Int32]
    let outputs: [Int32]
    /// The place in `slots` where the numbers of its inputs and outputs begin.
    let firstSlot: Int
    /// Values to allocate on the heap before it runs.
    let allocations: [Int32]
    /// Values on the heap that no later step uses.
    let releases: [Int32]
    let touchesHeap: Bool
    let pace = StepPace()

    init(
      action: Action, _ node: Program.Node, at index: Int, firstSlot: Int, allocations: [Int32],
      releases: [Int32]
    ) {
      self.action = action
      self.node = index
      inputs = node.inputs
      captures = node.subgraphs.flatMap(\.captures)
      outputs = node.outputs
      self.firstSlot = firstSlot
      self.allocations = allocations
      self.releases = releases
      self.touchesHeap = !allocations.isEmpty || !releases.isEmpty
    }
  }

  /// The caller of a run keeps the program alive, which keeps its plans; or `specialized` does.
  unowned(unsafe) let program: Program
  /// The program, if it is not the one that keeps the plan.
  private let specialized: Program?
  /// The types of the inputs and of the captured values.
  private let inputTypes: [Memory?]
  let engine: Engine
  let steps: [Step]
  /// The values that each step's kernel reads and writes, views replaced by the values they show.
  let slots: [Int32]
  /// Values that are neither constant nor in the arena, and have contents of their own.
  let transients: [Int32]
  /// The value that holds each value's memory: itself, or the one it is a view of.
  let roots: [Int32]
  /// Each value's offset in the arena; −1 for those elsewhere.
  let offsets: [Int]
  /// The types of values with planned memory.
  let types: [Memory?]
  let constants: [Value?]
  let arenaBytes: Int
  let scratchOffset: Int
  private let idle = Mutex<[RunState]>([])

  init(
    program: Program, isSpecialized: Bool, inputTypes: [ValueType?], engine: Engine, steps: [Step],
    slots: [Int32], transients: [Int32],
    roots: [Int32], offsets: [Int], types: [Memory?], constants: [Value?], arenaBytes: Int,
    scratchOffset: Int
  ) {
    self.program = program
    self.specialized = isSpecialized ? program : nil
    self.inputTypes = inputTypes.map(Memory.init)
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

  /// Whether values are of the types that the plan was made for. Values other than tensors never are.
  func fits(_ inputs: [Value], captures: ArraySlice<Value?>) -> Bool {
    guard inputs.count + captures.count == inputTypes.count else { return false }
    for (index, value) in inputs.enumerated() where !fits(value, index) { return false }
    for (index, value) in captures.enumerated() where !fits(value, inputs.count + index) {
      return false
    }
    return true
  }

  private func fits(_ value: Value?, _ index: Int) -> Bool {
    guard case .tensor(let tensor)? = value, let type = inputTypes[index] else { return false }
    return type.fits(tensor)
  }

  /// Runs the plan once.
  /// - Parameter inputs: a value for each of the program's inputs, of the plan's types
  func run(
    _ inputs: [Value], captures: ArraySlice<Value?> = [], _ run: Run
  ) throws(ModelError) -> [Value] {
    var reused: [(number: Int32, tensor: Tensor)] = []
    return try self.run(inputs, captures: captures, reusing: &reused, run)
  }

  /// Runs the plan once.
  /// - Parameters:
  ///   - inputs: a value for each of the program's inputs, of the plan's types
  ///   - reused: tensors whose memory outputs of the same type take; empty after the run
  func run(
    _ inputs: [Value], captures: ArraySlice<Value?> = [],
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
    for (number, value) in zip(program.inputs, inputs) { state.set(number, value) }
    state.set(program.captures, captures)
    state.keepsOutputs = !reused.isEmpty
    while let (number, tensor) = reused.popLast() { state.set(number, .tensor(tensor)) }
    try state.execute(run)
    var outputs: [Value] = []
    for number in program.outputs { outputs.append(try state.output(number)) }
    return outputs
  }
}
