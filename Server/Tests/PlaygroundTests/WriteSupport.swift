import Foundation
import Hummingbird
import HummingbirdTesting
import Logging
import ONNX
import Serving
import Testing

@testable import Playground

/// The playground over a folder of models.
struct WriteServer {
  let server: InferenceServer

  init(folder: String = "../models") throws {
    server = try InferenceServer(ServerOptions(folder: folder), logger: Logger(label: "test"))
  }

  /// Calls a body with a client.
  func run(_ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void) async throws {
    let router = server.router()
    try PlaygroundServer(server).addRoutes(to: router)
    try await server.application(router).test(.router, body)
  }
}

extension TestClientProtocol {
  /// Posts JSON to a route of the page.
  func write(
    _ path: String, _ body: String, expecting status: HTTPResponse.Status = .ok
  ) async throws -> Data {
    try await execute(
      uri: "/playground/write/\(path)", method: .post, body: ByteBuffer(string: body)
    ) { response in
      #expect(response.status == status, "\(String(buffer: response.body))")
      return Data(response.body.readableBytesView)
    }
  }

  /// The answer to a request as JSON.
  func answer(_ path: String, _ body: String) async throws -> [String: Any] {
    let data = try await write(path, body)
    return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// The sentence of a request that is refused.
  func refusal(
    _ path: String, _ body: String, _ status: HTTPResponse.Status = .badRequest
  ) async throws -> String {
    let data = try await write(path, body, expecting: status)
    let json = try #require(JSONSerialization.jsonObject(with: data) as? [String: String])
    return try #require(json["error"])
  }

  /// The events of an answer: their names and contents.
  func events(_ path: String, _ body: String) async throws -> [(String, [String: Any])] {
    let text = String(decoding: try await write(path, body), as: UTF8.self)
    return try text.split(separator: "\n\n").map { part in
      let lines = part.split(separator: "\n")
      let name = String(lines[0].dropFirst("event: ".count))
      let data = Data(lines[1].dropFirst("data: ".count).utf8)
      return (name, try #require(JSONSerialization.jsonObject(with: data) as? [String: Any]))
    }
  }
}

/// The numbers of `Values`.
func floats(_ json: Any?) throws -> [Float] {
  let values = try #require(json as? [String: Any])
  let text = try #require(values["data"] as? String)
  let data = try #require(Data(base64Encoded: text))
  return data.withUnsafeBytes { bytes in
    (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
  }
}

/// A language model of five characters whose unit 2 is positive at line ends and negative elsewhere.
func plantedModel() -> Model {
  let tokens = ["\n", " ", "a", "b", "c"]
  func weights(_ name: String, _ shape: [Int], _ value: (Int) -> Float) -> NamedTensor {
    NamedTensor(name, Tensor(shape: shape, (0..<shape.reduce(1, *)).map(value)))
  }
  var random = RandomStream(seed: 1)
  let noise = (0..<64).map { _ in Float(random.uniform(-1, 1)) }
  let inputWeights = weights("W", [1, 4, 5]) { i in
    i / 5 == 2 ? (i % 5 == 0 ? 2 : -2) : noise[i]
  }
  let stateWeights = weights("R", [1, 4, 4]) { i in i / 4 == 2 ? 0 : noise[32 + i] }
  let graph = Graph(
    nodes: [
      Node("Gather", inputs: ["E", "tokens"], outputs: ["embedded"]),
      Node(
        "Transpose", inputs: ["embedded"], outputs: ["x"], attributes: [.ints("perm", [1, 0, 2])]),
      Node(
        "RNN", name: "rnn", inputs: ["x", "W", "R", "", "", "h"], outputs: ["y", "h_out"],
        attributes: [.int("hidden_size", 4)]),
      Node("Squeeze", inputs: ["y", "axis"], outputs: ["states"]),
      Node(
        "Transpose", inputs: ["states"], outputs: ["rows"],
        attributes: [.ints("perm", [1, 0, 2])]),
      Node("MatMul", inputs: ["rows", "O"], outputs: ["logits"]),
    ],
    inputs: [
      ValueInfo("tokens", .tensor(TensorType(.int64, Shape([.symbol("N"), .symbol("T")])))),
      ValueInfo("h", .tensor(TensorType(.float32, Shape([.size(1), .symbol("N"), .size(4)])))),
    ],
    outputs: [ValueInfo("logits", nil), ValueInfo("h_out", nil)],
    initializers: [
      weights("E", [5, 5]) { $0 % 6 == 0 ? 1 : 0 },
      inputWeights, stateWeights,
      weights("O", [4, 5]) { noise[40 + $0] },
      NamedTensor("axis", Tensor(shape: [1], [Int64(1)])),
    ])
  var model = Model(graph: graph, operatorSets: [OperatorSetImport(version: 20)])
  let json = "[" + tokens.map { $0 == "\n" ? "\"\\n\"" : "\"\($0)\"" }.joined(separator: ",") + "]"
  model.metadata = [MetadataEntry(key: Vocabulary.metadataKey, value: json)]
  return model
}

/// A folder of models that is removed when it is released.
final class TemporaryModels: Sendable {
  let path: String

  init(_ models: [String: Model]) throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "models-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
    for (name, model) in models { try model.write(to: "\(path)/\(name).onnx") }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
