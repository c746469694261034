import NIOCore
import ONNX

/// An output of a response.
struct ResponseOutput {
  /// The name.
  let name: String
  /// The value.
  let tensor: Tensor
  /// The data type of the value.
  let datatype: Datatype
  /// Whether it is sent as bytes.
  let isBinary: Bool
}

extension InferRequest {
  /// The outputs that the request asks for.
  /// - Parameters:
  ///   - results: the model's outputs by name
  ///   - maxElements: the most elements that these may have together
  /// - Throws: `ServingError` for an output that the model does not have, or the protocol cannot carry;
  ///   `TensorError`
  func outputs(
    of results: [String: Tensor], _ model: ServedModel, maxElements: Int
  ) throws -> [ResponseOutput] {
    let wanted =
      outputs.isEmpty ? model.session.outputs.map { RequestedOutput(name: $0.name) } : outputs
    var count = 0
    return try wanted.map { output in
      guard var tensor = results[output.name] else { throw Self.missing(output.name, model) }
      count += tensor.count
      guard count <= maxElements else {
        throw ServingError(
          .contentTooLarge, "the outputs have more than \(maxElements) elements, which is the limit"
        )
      }
      if let classes = output.classes, classes > 0 {
        tensor = try about("output \(quoted(output.name))") { try tensor.highest(classes) }
      }
      guard let datatype = Datatype(tensor.elementType) else {
        throw ServingError(
          .badRequest,
          "output \(quoted(output.name)) is \(tensor.type), which the protocol cannot carry; request "
            + "others")
      }
      return ResponseOutput(
        name: output.name, tensor: tensor, datatype: datatype,
        isBinary: output.isBinary ?? isBinary)
    }
  }

  private static func missing(_ name: String, _ model: ServedModel) -> ServingError {
    guard let output = model.session.outputs.first(where: { $0.name == name }) else {
      return ServingError(
        .badRequest, "the model \(quoted(model.name)) has no output \(quoted(name))")
    }
    let type = output.type.map { "\($0)" } ?? "of unknown type"
    return ServingError(
      .badRequest, "output \(quoted(name)) is \(type), not a tensor; request others")
  }
}

extension Tensor {
  /// The highest values along the last axis, as Triton's classification extension states them:
  /// `"0.98:7"` for the value and its index.
  /// - Returns: texts of shape `[k]`, or `[N, k]` where the first of several axes is the batch
  /// - Throws: `ServingError` for elements that are not numbers
  fileprivate func highest(_ classes: Int) throws -> Tensor {
    guard let datatype = Datatype(elementType), elementType != .string, elementType != .bool,
      count > 0
    else {
      throw ServingError(.badRequest, "\(type) has no classes")
    }
    let batch = rank < 2 ? [] : [shape[0]]
    let size = count / (batch.first ?? 1)
    let k = min(classes, size)
    let (values, indices) = try reshaped(to: batch + [size]).topK(k)
    func texts<T: TensorElement>(_ type: T.Type) throws -> Tensor {
      let pairs = zip(values.elements(as: type), indices.elements(as: Int64.self))
      return Tensor(
        shape: batch + [k],
        pairs.map { value, index in
          var text = JSONWriter()
          value.write(to: &text)
          return "\(String(buffer: text.buffer)):\(index)"
        })
    }
    return try texts(datatype.type)
  }
}
