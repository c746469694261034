import ONNXFormat
import ONNXOperators
import ONNXOps
import Synchronization

/// A session bound to inputs of fixed shapes, with memory of its own: a run allocates nothing where
/// all shapes follow from those of the inputs, and looks nothing up by name.
///
/// One thread at a time may run it or touch its buffers; bind once for each thread.
public final class BoundSession: Sendable {
  private let program: Program
  private let plan: Plan
  private let state: RunState
  private let context: Run
  private let inputNumbers: [String: Int32]
  private let outputNumbers: [String: Int32]
  private let isRunning = Atomic<Bool>(false)

  init(
    _ plan: Plan, inputNames: [String], _ arguments: [Value], outputNames: [String],
    kept: Set<String>
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
    // Inputs are written from outside between runs, so nobody else may hold their memory.
    var own: [Value] = []
    for argument in arguments {
      if let tensor = argument.tensor {
        own.append(.tensor(try copy(tensor)))
      } else {
        own.append(argument)
      }
    }
    state.set(plan.program.inputs, own)
  }

  /// Bytes of memory for the values between inputs and outputs.
  public var arenaBytes: Int { plan.arenaBytes }

  /// Runs the model on what the inputs hold now.
  /// - Throws: `ModelError.busy` where another thread is running it, and what a node throws.
  public func run() throws(ModelError) {
    guard !isRunning.exchange(true, ordering: .acquiring) else { throw .busy }
    defer { isRunning.store(false, ordering: .releasing) }
    context.restart()
    try state.execute(context)
  }

  /// Calls `body` with the elements of an input, to be written before the next run.
  /// - Throws: `ModelError` for an unknown name or another element type; what `body` throws.
  public func withInput<T: Element, R>(
    _ name: String, as type: T.Type, _ body: (UnsafeMutableBufferPointer<T>) throws -> R
  ) throws -> R {
    guard let number = inputNumbers[name] else {
      throw ModelError.unknownName(name, nearest: nearest(name, Array(inputNumbers.keys)))
    }
    return try withElements(number, name, body)
  }

  /// Calls `body` with the elements of an output, valid until the next run.
  /// - Throws: `ModelError` for an unknown name or another element type; what `body` throws.
  public func withOutput<T: Element, R>(
    _ name: String, as type: T.Type, _ body: (UnsafeBufferPointer<T>) throws -> R
  ) throws -> R {
    guard let number = outputNumbers[name] else {
      throw ModelError.unknownName(name, nearest: nearest(name, Array(outputNumbers.keys)))
    }
    return try withElements(number, name) { try body(UnsafeBufferPointer($0)) }
  }

  /// A copy of an output of the last run.
  /// - Throws: `ModelError` for an unknown name, and for an output that is no tensor.
  public func output(_ name: String) throws(ModelError) -> Tensor {
    guard let number = outputNumbers[name] else {
      throw .unknownName(name, nearest: nearest(name, Array(outputNumbers.keys)))
    }
    guard let tensor = try state.output(number).tensor else {
      throw .graph("output '\(name)' is no tensor")
    }
    return try copy(tensor)
  }

  private func withElements<T: Element, R>(
    _ number: Int32, _ name: String, _ body: (UnsafeMutableBufferPointer<T>) throws -> R
  ) throws -> R {
    guard let tensor = try state.output(number).tensor, tensor.elementType == T.elementType else {
      throw ModelError.input(name, "does not hold \(T.elementType)")
    }
    return try withExtendedLifetime(tensor) {
      try body(
        UnsafeMutableBufferPointer(
          start: tensor.storage.pointer.assumingMemoryBound(to: T.self), count: tensor.count))
    }
  }
}

private func copy(_ tensor: Tensor) throws(ModelError) -> Tensor {
  do { return try tensor.copied() } catch { throw .graph(error.description) }
}
