import ONNXExplain
import ONNXFormat
import ToolSupport

/// A model as a JSON object.
struct InspectReport {
  let path: String
  let model: Model
  let inputs: [ValueInfo]
  /// The known types of values, by name.
  let types: [String: ValueType]
  /// The layers of `--sizes`; `nil` without it.
  let layers: [LayerSizes.Layer]?

  var json: JSON {
    let parameters = model.graph.initializers.map(\.tensor)
    let operations = model.graph.nodes.compactMap { operationCount($0, types) }
    return .object([
      "model": .string(path),
      "bytes": (isStream(path) ? nil : try? fileSize(path)).map(JSON.int) ?? .null,
      "ir_version": model.irVersion.map { .int(Int($0)) } ?? .null,
      "opsets": .array(
        model.operatorSets.map { set in
          let domain = set.domain ?? ""
          return .object([
            "domain": .string(domain.isEmpty ? "ai.onnx" : domain),
            "version": .int(Int(set.version)),
          ])
        }),
      "producer": .string(model.producerName ?? ""),
      "producer_version": .string(model.producerVersion ?? ""),
      "metadata": .array(
        model.metadata.map { .object(["key": .string($0.key), "value": .string($0.value)]) }),
      "inputs": .array(inputs.map(value)), "outputs": .array(model.graph.outputs.map(value)),
      "parameters": .int(parameters.reduce(0) { $0 + $1.count }),
      "parameter_bytes": .int(parameters.reduce(0) { $0 + $1.storage.byteCount }),
      "initializers": .array(
        model.graph.initializers.map { part in
          .object([
            "name": .string(part.name ?? ""), "type": .string("\(part.tensor.elementType)"),
            "shape": .array(part.tensor.shape.map(JSON.int)),
          ])
        }),
      "operations": types.isEmpty
        ? .null : .int(operations.reduce(0) { $0.addingReportingOverflow($1).partialValue }),
      "nodes": .array(model.graph.nodes.map(node)),
      "layers": layers.map { .array($0.map(layer)) } ?? .null,
    ])
  }

  private func value(_ info: ValueInfo) -> JSON {
    let type = info.type?.tensorType
    let shape = type?.shape.map { shape in
      JSON.array(
        shape.dimensions.map { dimension in
          switch dimension {
          case .size(let size): .int(size)
          case .symbol(let name): .string(name)
          case .unknown: .null
          }
        })
    }
    let name = type.map { "\($0.elementType)" } ?? info.type?.description
    return .object([
      "name": .string(info.name), "type": name.map(JSON.string) ?? .null, "shape": shape ?? .null,
    ])
  }

  private func node(_ node: Node) -> JSON {
    .object([
      "name": .string(node.name ?? ""), "operator": .string(node.operatorType),
      "domain": .string(node.domain ?? ""), "inputs": .array(node.inputs.map(JSON.string)),
      "outputs": .array(node.outputs.map(JSON.string)),
      "types": .array(
        node.outputs.map { name in types[name].map { .string("\($0)") } ?? .null }),
      "operations": operationCount(node, types).map(JSON.int) ?? .null,
    ])
  }

  private func layer(_ layer: LayerSizes.Layer) -> JSON {
    func list(_ values: [Int]) -> JSON { .array(values.map(JSON.int)) }
    return .object([
      "name": .string(layer.name), "operator": .string(layer.operatorType),
      "input": list(layer.input), "output": list(layer.output),
      "kernel": list(layer.windows.map(\.kernel)), "stride": list(layer.windows.map(\.stride)),
      "receptive_field": layer.field.map { .array($0.map { .double($0.size) }) } ?? .null,
      "parameters": .int(layer.parameters),
      "unshared": layer.unshared.map(JSON.int) ?? .null,
      "fully_connected": layer.dense.map(JSON.int) ?? .null,
    ])
  }
}
