import ONNXFormat
import ONNXOperators
import Synchronization

/// A session bound to inputs of fixed shapes, with memory of its own. A run looks nothing up by name,
/// and allocates nothing where all shapes follow from those of the inputs.
///
/// One thread at a time may run it or use its buffers; bind a session for each thread.
public final class BoundSession: Sendable {
  private let program: Program
  private let plan: Plan
  private let state: RunState
  private let context: Run
  private let inputNumbers: [String: Int32]
  private let outputNumbers: [String: Int32]
  private let isRunning = Atomic<Bool>(false)
  private let buffers: BoundBuffers?

  init(
    _ plan: Plan, inputNames: [String], _ arguments: [Value], outputNames: [String],
    kept: Set<String>, buffers: BoundBuffers? = nil
  ) throws(ModelError) {
    self.plan = plan
    program = plan.program
    state = try RunState(plan)
    state.keepsOutputs = true
    context = Run(plan.engine)
    inputNumbers = Dictionary(zip(inputNames, plan.program.inputs)) { first, _ in first }
    outputNumbers = Dictionary(
      zip(outputNames, plan.program.outputs).filter { kept.contains($0.0) }
    ) { first, _ in first }
    // The caller writes to inputs between runs, so nobody else may hold their memory.
    var own: [Value] = []
    for argument in arguments {
      if let tensor = argument.tensor {
        own.append(.tensor(try copy(tensor)))
      } else {
        own.append(argument)
      }
    }
    state.set(plan.program.inputs, own)
    self.buffers = buffers
    buffers?.place(in: state)
  }

  /// Bytes of the memory that holds the values between inputs and outputs.
  public var arenaBytes: Int { plan.arenaBytes }

  /// Runs the model on the current contents of the inputs.
  /// - Throws: `ModelError.busy` where another thread is running it, and any error of a node.
  public func run() throws(ModelError) {
    guard !isRunning.exchange(true, ordering: .acquiring) else { throw .busy }
    guard context.hasDeadline else { return try runHere() }
    // A run that is left to its thread keeps the session busy.
    try plan.engine.limited { () throws(ModelError) in try self.runHere() }
  }

  private func runHere() throws(ModelError) {
    defer { isRunning.store(false, ordering: .releasing) }
    context.restart()
    buffers?.load(state)
    try state.execute(context)
    buffers?.store(state)
  }

  /// Calls `body` with the elements of an input, which it may change for the next run.
  /// - Throws: `ModelError` for an unknown name or another element type, and errors of `body`.
  @discardableResult
  public func withInput<T: Element, R>(
    _ name: String, as type: T.Type,
    _ body: (UnsafeMutableBufferPointer<T>) throws(ModelError) -> R
  ) throws(ModelError) -> R {
    guard let number = inputNumbers[name] else {
      throw .unknownName(name, nearest: nearest(name, Array(inputNumbers.keys)))
    }
    return try withElements(number, name, body)
  }

  /// Calls `body` with the elements of an output, which stay valid until the next run.
  /// - Throws: `ModelError` for an unknown name or another element type, and errors of `body`.
  public func withOutput<T: Element, R>(
    _ name: String, as type: T.Type, _ body: (UnsafeBufferPointer<T>) throws(ModelError) -> R
  ) throws(ModelError) -> R {
    guard let number = outputNumbers[name] else {
      throw .unknownName(name, nearest: nearest(name, Array(outputNumbers.keys)))
    }
    return try withElements(number, name) { (elements) throws(ModelError) in
      try body(UnsafeBufferPointer(elements))
    }
  }

  /// A copy of an output of the last run.
  /// - Throws: `ModelError` for an unknown name, and for an output that is not a tensor.
  public func output(_ name: String) throws(ModelError) -> Tensor {
    guard let number = outputNumbers[name] else {
      throw .unknownName(name, nearest: nearest(name, Array(outputNumbers.keys)))
    }
    guard !isRunning.load(ordering: .acquiring) else { throw .busy }
    guard let tensor = try state.output(number).tensor else {
      throw .graph("output '\(name)' is not a tensor")
    }
    return try copy(tensor)
  }

  private func withElements<T: Element, R>(
    _ number: Int32, _ name: String,
    _ body: (UnsafeMutableBufferPointer<T>) throws(ModelError) -> R
  ) throws(ModelError) -> R {
    guard !isRunning.load(ordering: .acquiring) else { throw .busy }
    guard let tensor = try state.output(number).tensor, tensor.elementType == T.elementType else {
      throw .input(name, "its elements are not \(T.elementType)")
    }
    return try withExtendedLifetime(tensor) { () throws(ModelError) in
      try body(
        UnsafeMutableBufferPointer(
          start: tensor.storage.pointer.assumingMemoryBound(to: T.self), count: tensor.count))
    }
  }
}

private func copy(_ tensor: Tensor) throws(ModelError) -> Tensor {
  do { return try tensor.copied() } catch { throw .graph(error.description) }
}
