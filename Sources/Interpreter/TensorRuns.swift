import ONNXFormat

extension Session {
  /// Runs a model of one input on a tensor.
  ///
  /// ```swift
  /// let logits = try session.run(image)
  /// ```
  /// - Parameter output: the name of the output to return; `nil` for the only one
  /// - Throws: `ModelError.inputCount` or `.outputCount`, with the names, for a model with more than one;
  ///   `.unknownName` for an output that the model does not have; and what `run(_:)` throws
  public func run(_ input: Tensor, output: String? = nil) throws(ModelError) -> Tensor {
    let input = [try onlyInput: Value.tensor(input)]
    let output = try resolved(output)
    return try tensor(output, of: run(values: input))
  }

  /// Runs the model on tensors, by input name, for one of its outputs.
  /// - Throws: `ModelError.unknownName` for an output that the model does not have; and what `run(_:)`
  ///   throws
  public func run(
    _ inputs: [String: Tensor], output: String
  ) throws(ModelError) -> Tensor {
    let output = try resolved(output)
    return try tensor(output, of: run(values: inputs.mapValues(Value.tensor)))
  }

  /// The name of the only input.
  var onlyInput: String {
    get throws(ModelError) {
      guard inputs.count == 1 else { throw .inputCount(inputs.map(\.name)) }
      return inputs[0].name
    }
  }

  /// The name of an output; of the only one for `nil`.
  func resolved(_ output: String?) throws(ModelError) -> String {
    let names = outputs.map(\.name)
    if let output {
      try check([output], among: names)
      return output
    }
    guard names.count == 1 else { throw .outputCount(names) }
    return names[0]
  }

  /// The output of that name.
  func tensor(_ name: String, of results: [String: Value]) throws(ModelError) -> Tensor {
    guard let value = results[name] else { throw .unknownName(name, nearest: nil) }
    guard let tensor = value.tensor else {
      throw .graph("output '\(name)' is not a tensor but \(value.type); use run(values:)")
    }
    return tensor
  }
}
