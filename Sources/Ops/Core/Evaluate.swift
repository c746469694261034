import ONNXFormat

extension Operator {
  /// `infer(_:)`, with checks that it returns a type for each output that the node names and that no
  /// size overflows.
  public func inferChecked(
    _ inputs: Inputs, outputs: Int
  ) throws(OperatorError) -> [ValueType] {
    let types = try infer(inputs)
    guard types.count >= outputs else {
      throw .invalid("the operator has \(types.count) outputs, but the node names \(outputs)")
    }
    for (index, type) in types.enumerated() {
      if let sizes = type.tensorType?.shape?.sizes, sizes.elementCount == nil {
        throw .output(index, "no tensor has shape \(sizes)")
      }
    }
    return types
  }

  /// Runs the operator once: infers types, prepares, allocates outputs and computes them.
  ///
  /// - Parameters:
  ///   - call: the inputs of the run
  ///   - wanted: whether to compute each output that the node names
  ///   - subgraphs: the graph attributes of the node
  /// - Returns: a value for each entry of `wanted`; `nil` for an output that is not wanted
  public func evaluate(
    _ call: borrowing Call, wanted: [Bool], subgraphs: [String: any SubgraphRunner] = [:]
  ) throws(OperatorError) -> [Value?] {
    try evaluate(
      Inputs(types: call.inputs.map { $0?.type }, constants: call.inputs, subgraphs: subgraphs),
      call, wanted: wanted)
  }

  /// Like `evaluate(_:wanted:subgraphs:)`, with the types of the inputs given separately, for an
  /// operator that may need only types.
  public func evaluate(
    _ inputs: Inputs, _ call: borrowing Call, wanted: [Bool]
  ) throws(OperatorError) -> [Value?] {
    let types = try inferChecked(inputs, outputs: wanted.count)
    let outputs = wanted.indices.map { wanted[$0] ? types[$0].tensorType : nil }
    let kernel = try prepare(
      Preparation(inputs: inputs, outputs: outputs, threads: call.pool.threads))
    switch kernel {
    case .view(let index):
      guard let sizes = outputs.first??.shape?.sizes else {
        throw .output(0, "the shape is not known")
      }
      return [.tensor(try call.tensor(index).viewed(as: sizes))]
    case .produce(let body):
      let values = try body(call)
      guard values.count >= wanted.count else {
        throw .invalid("the kernel returned \(values.count) outputs instead of \(wanted.count)")
      }
      return wanted.indices.map { wanted[$0] ? values[$0] : nil }
    case .compute(let scratch, let body):
      return try compute(call, outputs, scratch, body)
    case .parts(_, _, let otherwise): return try compute(call, outputs, 0, otherwise)
    case .join(let copying):
      return try compute(call, outputs, 0, copying(Array(inputs.types.indices)))
    }
  }

  private func compute(
    _ call: borrowing Call, _ outputs: [TensorType?], _ scratch: Int,
    _ body: (Buffers) throws(OperatorError) -> Void
  ) throws(OperatorError) -> [Value?] {
    var table: [UnsafeMutableRawPointer?] = call.inputs.map { $0?.tensor?.storage.pointer }
    var results: [Value?] = []
    for (index, output) in outputs.enumerated() {
      guard let output else {
        table.append(nil)
        results.append(nil)
        continue
      }
      guard let sizes = output.shape?.sizes else {
        throw .output(index, "the shape is not known")
      }
      let tensor = try call.allocate(output.elementType, sizes)
      table.append(tensor.storage.pointer)
      results.append(.tensor(tensor))
    }
    let memory = try call.allocate(.uint8, [scratch])
    let slots = (0..<Int32(table.count)).map { $0 }
    let inputCount = call.inputs.count
    let pool = call.pool
    try withExtendedLifetime(memory) { () throws(OperatorError) in
      try table.withUnsafeBufferPointer { table throws(OperatorError) in
        try slots.withUnsafeBufferPointer { slots throws(OperatorError) in
          guard let table = table.baseAddress, let slots = slots.baseAddress else { return }
          try body(
            Buffers(
              table: table, slots: slots, inputCount: inputCount,
              scratch: memory.storage.pointer, pool: pool))
        }
      }
    }
    return results
  }
}

extension Tensor {
  /// `reshaped(to:)` that throws an error of an operator.
  package func viewed(as shape: [Int]) throws(OperatorError) -> Tensor {
    do { return try reshaped(to: shape) } catch { throw OperatorError(error) }
  }
}
