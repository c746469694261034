import ONNXSupport

extension ValueInfo: CustomStringConvertible {
  /// The name and the type: `image: float32[N,3,224,224]`.
  public var description: String { "\(name.escaped): \(type?.description ?? "?")" }
}

extension Model: CustomStringConvertible {
  /// The inputs, outputs, operator sets, and the numbers of nodes and parameters, a line each.
  public var description: String {
    let graph = graph
    let initializers = Set(graph.initializers.compactMap(\.name))
    let producer = [producerName, producerVersion].compactMap(\.self).joined(separator: " ")
    let title = "model" + (graph.name.map { " \($0.quoted)" } ?? "")
    let sets = operatorSets.map { set in
      "\(set.domain.flatMap { $0.isEmpty ? nil : $0.escaped } ?? "ai.onnx") \(set.version)"
    }
    let tensors = graph.initializers.map(\.tensor) + graph.sparseInitializers.map(\.values.tensor)
    let parameters = tensors.reduce(0) { $0 + $1.count }
    let bytes = tensors.reduce(0) { $0 + ($1.elementType.bytesInFile($1.count) ?? 0) }
    return lines(
      producer.isEmpty ? title : title + " by \(producer.escaped)",
      inputs: graph.inputs.filter { !initializers.contains($0.name) }, outputs: graph.outputs,
      [
        "operator sets: \(sets.joined(separator: ", "))",
        "\(graph.nodes.count) nodes" + (functions.isEmpty ? "" : ", \(functions.count) functions"),
        "\(parameters) parameters, \(formattedBytes(bytes))",
      ])
  }
}

extension Session: CustomStringConvertible {
  /// Files before IR version 4 list every weight as an input.
  private static let mostOptionalInputs = 5

  /// The inputs and outputs, a line each.
  public var description: String {
    let rest = optionalInputs.count - Self.mostOptionalInputs
    return lines(
      "session", inputs: inputs, outputs: outputs,
      optionalInputs.prefix(Self.mostOptionalInputs).map { "optional input \($0)" }
        + (rest > 0 ? ["\(rest) more optional inputs"] : []))
  }
}

private func lines(
  _ title: String, inputs: [ValueInfo], outputs: [ValueInfo], _ others: [String]
) -> String {
  let all = inputs.map { "input \($0)" } + outputs.map { "output \($0)" } + others
  return ([title] + all.map { "  " + $0 }).joined(separator: "\n")
}
