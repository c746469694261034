import Glibc
import ONNX

/// A text for C that lives as long as this object.
final class CText {
  let pointer: UnsafeMutablePointer<CChar>?
  init(_ text: String) { pointer = strdup(text) }
  deinit { free(pointer) }
}

/// Inputs, outputs and metadata as JSON.
func description(_ model: ModelSummary, _ session: Session) -> String {
  let types =
    session.outputs.allSatisfy { $0.type?.tensorType?.shape != nil } ? [:] : try? session.types()
  let outputs = session.outputs.map { output in
    output.type?.tensorType?.shape != nil
      ? output : ValueInfo(output.name, types?[output.name] ?? output.type)
  }
  return jsonObject([
    ("inputs", jsonList(session.inputs.map(json))),
    ("optional_inputs", jsonList(session.optionalInputs.map(json))),
    ("outputs", jsonList(outputs.map(json))),
    ("model", model.json),
  ])
}

/// What a session does not keep of its model.
struct ModelSummary {
  let json: String

  init(_ model: borrowing Model) {
    let texts: [(String, String?)] = [
      ("producer_name", model.producerName), ("graph_name", model.graph.name),
      ("domain", model.domain), ("description", model.docString),
      ("graph_description", model.graph.docString),
    ]
    let metadata = Dictionary(model.metadata.map { ($0.key, $0.value) }) { first, _ in first }
    json = jsonObject(
      texts.map { ($0, ($1 ?? "").asJSON) } + [
        ("version", "\(model.modelVersion ?? 0)"),
        ("metadata", jsonObject(metadata.sorted { $0.key < $1.key }.map { ($0, $1.asJSON) })),
      ])
  }
}

/// An input or output as JSON.
func json(_ info: ValueInfo) -> String {
  var fields = [("name", info.name.asJSON), ("type", typeName(info.type).asJSON)]
  if let type = info.type?.tensorType {
    fields.append(("element_type", "\(type.elementType.rawValue)"))
    if let shape = type.shape {
      fields.append(
        (
          "shape",
          jsonList(
            shape.dimensions.map { dimension in
              switch dimension {
              case .size(let size): "\(size)"
              case .symbol(let name): name.asJSON
              case .unknown: "null"
              }
            })
        ))
    }
  }
  return jsonObject(fields)
}

/// A list of JSON texts.
func jsonList(_ elements: [String]) -> String { "[" + elements.joined(separator: ",") + "]" }

/// An object of JSON texts.
func jsonObject(_ fields: [(name: String, value: String)]) -> String {
  "{" + fields.map { $0.name.asJSON + ":" + $0.value }.joined(separator: ",") + "}"
}

/// The type in the words of onnxruntime: `tensor(float)`.
private func typeName(_ type: ValueType?) -> String {
  switch type?.kind {
  case .tensor(let tensor): "tensor(\(elementName(tensor.elementType)))"
  case .sparseTensor(let tensor): "sparse_tensor(\(elementName(tensor.elementType)))"
  case .sequence(let element): "seq(\(typeName(element)))"
  case .optional(let element): "optional(\(typeName(element)))"
  case .map(let key, let value): "map(\(elementName(key)),\(typeName(value)))"
  case .opaque, .undefined, nil: "undefined"
  }
}

private func elementName(_ type: ElementType) -> String {
  switch type {
  case .float32: "float"
  case .float64: "double"
  default: "\(type)"
  }
}
