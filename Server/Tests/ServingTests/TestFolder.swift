import Foundation
import Hummingbird
import HummingbirdTesting
import Logging
import ONNX

@testable import Serving

/// A folder of models that is removed with the last reference.
final class TestFolder {
  let path = NSTemporaryDirectory() + "serve-\(UUID().uuidString)"

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a model that returns its input of this type.
  func identity(_ file: String, _ type: ElementType, _ shape: Shape = [.unknown]) throws {
    try write(file, type, shape, type, shape, [Node("Identity", inputs: ["x"], outputs: ["y"])])
  }

  /// Writes a model of input `x` and output `y`.
  func write(
    _ file: String, _ input: ElementType, _ inputShape: Shape, _ output: ElementType,
    _ outputShape: Shape, _ nodes: [Node]
  ) throws {
    let target = "\(path)/\(file)"
    try FileManager.default.createDirectory(
      atPath: (target as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    let graph = Graph(
      name: "test", nodes: nodes, inputs: [ValueInfo("x", .tensor(input, inputShape))],
      outputs: [ValueInfo("y", .tensor(output, outputShape))])
    try Model(graph: graph, operatorSets: [OperatorSetImport(version: 21)]).write(to: target)
  }

  func write(_ file: String, text: String) throws {
    try text.write(toFile: "\(path)/\(file)", atomically: false, encoding: .utf8)
  }

  /// Options for a server of the folder.
  var options: ServerOptions { ServerOptions(folder: path) }
}

/// Runs a test with a client of a server.
func withServer(
  _ options: ServerOptions, _ test: @Sendable (TestServer) async throws -> Void
) async throws {
  let server = try InferenceServer(
    options, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  try await server.application(server.router()).test(.router) { client in
    try await test(TestServer(client: client, server: server))
  }
}

/// A client of a server.
struct TestServer: Sendable {
  let client: any TestClientProtocol
  let server: InferenceServer

  func get(_ path: String, headers: HTTPFields = [:]) async throws -> TestResponse {
    try await client.execute(uri: path, method: .get, headers: headers) { $0 }
  }

  func post(
    _ path: String, _ body: String = "", headers: HTTPFields = [:]
  ) async throws -> TestResponse {
    try await client.execute(
      uri: path, method: .post, headers: headers, body: ByteBuffer(string: body)
    ) { $0 }
  }
}

extension TestResponse {
  var text: String { String(buffer: body) }
}
