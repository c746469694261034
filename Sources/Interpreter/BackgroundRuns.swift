import ONNXFormat
import ONNXOperators

// Runs that a task awaits. They compute on threads of their own, as many at once as there are CPUs, so
// that the threads of Swift's concurrency stay free; further runs wait for their turn.
//
// A run ends when its task is cancelled or its timeout is over: before it has begun, before a node,
// before an iteration of a loop, or inside a node, where the kernel looks as well before each of its
// tasks. A kernel that consists of one long task, such as a product by OpenBLAS, is computed to its end
// first. So is the plan of a session that owns a model with fixed input shapes. The call returns when the run
// has ended: nothing goes on in the background.
extension Session {
  /// Runs the model on tensors, by input name, without blocking a thread of the caller.
  /// - Parameter timeout: the longest that the run may take, waiting included; `nil` for the time limit of
  ///   the options. The shorter of the two counts
  /// - Returns: the outputs that are tensors, by name.
  /// - Throws: `ModelError.cancelled`, `.deadline`, and what the synchronous `run(_:)` throws
  public func run(
    _ inputs: [String: Tensor], timeout: Duration? = nil
  ) async throws(ModelError) -> [String: Tensor] {
    try await run(values: inputs.mapValues(Value.tensor), timeout: timeout)
      .compactMapValues(\.tensor)
  }

  /// Runs a model of one input on a tensor, without blocking a thread of the caller.
  ///
  /// ```swift
  /// let logits = try await session.run(image, timeout: .milliseconds(200))
  /// ```
  /// - Parameters:
  ///   - output: the name of the output to return; `nil` for the only one
  ///   - timeout: as for `run(_:timeout:)`
  /// - Throws: `ModelError.cancelled`, `.deadline`, and what the synchronous `run(_:output:)` throws
  public func run(
    _ input: Tensor, output: String? = nil, timeout: Duration? = nil
  ) async throws(ModelError) -> Tensor {
    let input = [try onlyInput: Value.tensor(input)]
    let output = try resolved(output)
    return try tensor(output, of: try await run(values: input, timeout: timeout))
  }

  /// Runs the model on tensors for one of its outputs, without blocking a thread of the caller.
  /// - Parameter timeout: as for `run(_:timeout:)`
  /// - Throws: `ModelError.cancelled`, `.deadline`, and what the synchronous `run(_:output:)` throws
  public func run(
    _ inputs: [String: Tensor], output: String, timeout: Duration? = nil
  ) async throws(ModelError) -> Tensor {
    let output = try resolved(output)
    return try tensor(
      output, of: try await run(values: inputs.mapValues(Value.tensor), timeout: timeout))
  }

  /// Runs the model on values of any kind, by input name, without blocking a thread of the caller.
  /// - Parameter timeout: as for `run(_:timeout:)`
  /// - Returns: the outputs by name.
  /// - Throws: `ModelError.cancelled`, `.deadline`, and what the synchronous `run(values:)` throws
  public func run(
    values: [String: Value], timeout: Duration? = nil
  ) async throws(ModelError) -> [String: Value] {
    let limit = [timeout, engine.options.timeLimit].compactMap(\.self).min()
    let deadline = limit.map { ContinuousClock.now + $0 }
    let work = BackgroundWork { [self] in
      Result { () throws(ModelError) in
        try compute(values, profile: nil, limit: limit, deadline: deadline)
      }
    }
    let timer = deadline.map { deadline in
      Task {
        try await Task.sleep(until: deadline, clock: .continuous)
        work.stop()
      }
    }
    defer { timer?.cancel() }
    let result = await withTaskCancellationHandler {
      await work.result()
    } onCancel: {
      work.stop()
    }
    if case .failure = result ?? .failure(.cancelled), Task.isCancelled { throw .cancelled }
    switch result {
    case .failure(.deadline), .failure(.node(_, _, .deadline)), nil:
      throw .deadline(limit: limit ?? .zero)
    case .failure(let error): throw error
    case .success(let outputs): return outputs
    }
  }
}
