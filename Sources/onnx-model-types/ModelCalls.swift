import ONNXFormat

extension ModelType {
  /// Adds the calls that take tensors.
  func tensorCalls(_ source: inout SwiftSource) {
    let parameters =
      inputs.map { "\($0.source): \($0.swiftType)" }
      + optionalInputs.map {
        "\($0.source): \($0.swiftType)\($0.swiftType.hasSuffix("?") ? "" : "?") = nil"
      }
    let entries = inputs.map { "\($0.literal): \($0.valueExpression)" }
    let calls = Calls(
      summary: "Runs the model on tensors", inputs: inputs + optionalInputs,
      parameters: parameters, result: "Output", errors: "a tensor of another type or shape")
    add(calls, to: &source) {
      $0.line("\(optionalInputs.isEmpty ? "let" : "var") \(values): [String: Value] = [")
      if entries.isEmpty { $0.line("  :") }
      for entry in entries { $0.line("  \(entry),") }
      $0.line("]")
      for port in optionalInputs {
        $0.line("if let \(port.source) { \(values)[\(port.literal)] = \(port.valueExpression) }")
      }
    }
  }

  /// Adds the calls that take elements.
  func arrayCalls(_ source: inout SwiftSource, _ form: ArrayForm) {
    func array(_ port: Port) -> String {
      let elements = isScalar(port) ? "[\(port.source)]" : port.source
      return "InputArray(\(port.literal), \(elements))"
    }
    let calls = Calls(
      summary: "Runs the model on arrays of elements in row-major order", inputs: inputs,
      parameters: inputs.map { "\($0.source): \(arrayType($0))" }, result: "ArrayOutput",
      errors: "a number of elements that does not fit the shape")
    add(calls, to: &source) {
      for size in form.sizes {
        let others = size.others.joined(separator: ", ")
        $0.line(
          "let \(size.variable) = try \(array(inputs[size.input])).size(besides: [\(others)])")
      }
      $0.line("let \(values): [String: Value] = [")
      for (port, shape) in zip(inputs, form.shapes) {
        let sizes = shape.joined(separator: ", ")
        $0.line("  \(port.literal): .tensor(try \(array(port)).tensor([\(sizes)])),")
      }
      $0.line("]")
    }
  }

  /// A call in two forms: one that blocks the caller's thread, and one that a task awaits.
  private struct Calls {
    let summary: String
    let inputs: [Port]
    let parameters: [String]
    let result: String
    let errors: String
  }

  private func add(
    _ calls: Calls, to source: inout SwiftSource, _ collectValues: (inout SwiftSource) -> Void
  ) {
    for isAsync in [false, true] {
      source.line()
      source.line("/// \(calls.summary)\(isAsync ? ", without blocking a thread" : "").")
      if !calls.inputs.isEmpty || isAsync { source.line("/// - Parameters:") }
      for port in calls.inputs {
        let hasDefault = optionalInputs.contains { $0.name == port.name }
        source.comment(
          "\(port.identifier): \(port.summary)" + (hasDefault ? " The model has a default." : ""),
          first: "  - ", next: "    ")
      }
      if isAsync {
        source.line("///   - \(timeout): The longest that the run may take.")
      }
      source.line("/// - Throws: `ModelError` for \(calls.errors), and any error of a node.")
      let parameters = calls.parameters + (isAsync ? ["\(timeout): Duration? = nil"] : [])
      source.block(
        "\(modifier)func callAsFunction(\(parameters.joined(separator: ", "))) "
          + "\(isAsync ? "async " : "")throws(ModelError) -> \(calls.result)"
      ) {
        collectValues(&$0)
        let run =
          isAsync
          ? "await self.session.run(values: \(values), timeout: \(timeout))"
          : "self.session.run(values: \(values))"
        $0.line("return try Self.\(calls.result)(OutputValues(\(run)))")
      }
    }
  }
}
