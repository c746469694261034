import HTTPTypes
import Hummingbird
import NIOCore
import ONNX

/// Writes the response to a request to run a model.
struct InferResponse {
  private var json = JSONWriter()
  private var binary = ByteBuffer()
  private var hasBinary = false

  /// Writes the outputs that the request asks for.
  /// - Parameters:
  ///   - results: the model's outputs by name
  ///   - maxElements: the most elements that these may have together
  /// - Throws: `ServingError` for an output that the model does not have, or the protocol cannot carry;
  ///   `TensorError`
  init(
    _ request: InferRequest, _ model: ServedModel, _ results: [String: Tensor], maxElements: Int
  ) throws {
    let outputs =
      request.outputs.isEmpty
      ? model.session.outputs.map { RequestedOutput(name: $0.name) } : request.outputs
    json.write("{\"model_name\":")
    json.string(model.name)
    json.write(",\"model_version\":")
    json.string(model.version)
    if let id = request.id {
      json.write(",\"id\":")
      json.string(id)
    }
    json.write(",\"outputs\":[")
    var count = 0
    for (index, output) in outputs.enumerated() {
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
      if index > 0 { json.write(",") }
      try write(output.name, tensor, isBinary: output.isBinary ?? request.isBinary)
    }
    json.write("]}")
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

  private mutating func write(_ name: String, _ tensor: Tensor, isBinary: Bool) throws {
    guard let datatype = Datatype(tensor.elementType) else {
      throw ServingError(
        .badRequest,
        "output \(quoted(name)) is \(tensor.type), which the protocol cannot carry; request others")
    }
    json.write("{\"name\":")
    json.string(name)
    json.write(",\"datatype\":\"\(datatype.rawValue)\",\"shape\":")
    json.array(tensor.shape) { json, size in json.write("\(size)") }
    func writeElements<T: TensorElement>(_ type: T.Type) {
      if isBinary {
        let start = binary.writerIndex
        T.encode(tensor, to: &binary)
        hasBinary = true
        let size = binary.writerIndex - start
        json.write(",\"parameters\":{\"binary_data_size\":\(size)}}")
      } else {
        json.write(",\"data\":")
        json.elements(of: tensor, as: type)
        json.write("}")
      }
    }
    writeElements(datatype.type)
  }

  /// The response.
  var response: Response {
    guard hasBinary else {
      return Response(
        status: .ok, headers: [.contentType: "application/json"],
        body: .init(byteBuffer: json.buffer))
    }
    return Response(
      status: .ok,
      headers: [
        .contentType: "application/octet-stream",
        .inferenceHeaderLength: "\(json.buffer.readableBytes)",
      ],
      body: .init(contentsOf: [json.buffer, binary]))
  }
}

extension HTTPField.Name {
  /// The bytes of the JSON in a body, where binary data follows.
  static let inferenceHeaderLength = HTTPField.Name("Inference-Header-Content-Length")
    .unsafelyUnwrapped
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
