import HTTPTypes
import Hummingbird
import NIOCore
import ONNX

/// Writes the response to a request to run a model.
struct InferResponse {
  private var json = JSONWriter()
  private var binary = ByteBuffer()
  private var hasBinary = false

  /// Writes the outputs that `InferRequest.outputs(of:_:maxElements:)` has chosen.
  init(_ request: InferRequest, _ model: ServedModel, _ outputs: [ResponseOutput]) {
    json.write("{\"model_name\":")
    json.string(model.name)
    json.write(",\"model_version\":")
    json.string(model.version)
    if let id = request.id {
      json.write(",\"id\":")
      json.string(id)
    }
    json.write(",\"outputs\":[")
    for (index, output) in outputs.enumerated() {
      if index > 0 { json.write(",") }
      write(output)
    }
    json.write("]}")
  }

  private mutating func write(_ output: ResponseOutput) {
    let tensor = output.tensor
    json.write("{\"name\":")
    json.string(output.name)
    json.write(",\"datatype\":\"\(output.datatype.rawValue)\",\"shape\":")
    json.array(tensor.shape) { json, size in json.write("\(size)") }
    func writeElements<T: TensorElement>(_ type: T.Type) {
      if output.isBinary {
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
    writeElements(output.datatype.type)
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
