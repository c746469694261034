import Foundation
import Hummingbird
import HummingbirdTesting
import Logging
import Serving
import Testing

@testable import Playground

struct TrainRouteTests {
  private func withClient(_ body: @Sendable (any TestClientProtocol) async throws -> Void)
    async throws
  {
    let server = try InferenceServer(
      ServerOptions(folder: "../models"), logger: Logger(label: "test"))
    let router = server.router()
    try PlaygroundServer(server).addRoutes(to: router)
    try await server.application(router).test(.router, body)
  }

  private struct Description: Decodable { let run: String }
  private struct Failure: Decodable { let error: String }

  private static let design = """
    {"data": {"kind": "xor", "noise": 0, "seed": 1}, "layers": [{"kind": "dense", "units": 4}],
     "optimizer": "adam", "rate": 0.01, "batch": 32, "decay": 0, "seed": 1}
    """

  private func post(
    _ client: any TestClientProtocol, _ path: String, _ body: String
  ) async throws -> (HTTPResponse.Status, ByteBuffer) {
    try await client.execute(
      uri: "/playground/train/" + path, method: .post, body: ByteBuffer(string: body)
    ) { ($0.status, $0.body) }
  }

  @Test func aRunIsMadeTrainedSavedAndLoaded() async throws {
    try await withClient { client in
      let (_, made) = try await post(client, "runs", Self.design)
      let run = try JSONDecoder().decode(Description.self, from: made).run
      #expect(run.count == 32)
      let (status, _) = try await post(client, "runs/\(run)/set", #"{"steps": 3, "rate": 0.1}"#)
      #expect(status == .ok)
      let saved = try await client.execute(
        uri: "/playground/train/runs/\(run)/snapshot", method: .get
      ) { String(buffer: $0.body) }
      let (loaded, description) = try await post(client, "load", saved)
      #expect(loaded == .ok)
      #expect(String(buffer: description).contains(#""rate":0.1"#))
      try await client.execute(uri: "/playground/train/runs/\(run)", method: .delete) {
        #expect($0.status == .ok)
      }
      let (gone, _) = try await post(client, "runs/\(run)/set", "{}")
      #expect(gone == .notFound)
    }
  }

  @Test func aDesignIsCheckedWithoutARun() async throws {
    try await withClient { client in
      let (status, report) = try await post(
        client, "check", Self.design.replacingOccurrences(of: "dense", with: "lstm"))
      #expect(status == .ok)
      #expect(String(buffer: report).contains(#""problem":{"layer":0,"sentence":"layer 1 (lstm)"#))
    }
  }

  @Test(arguments: [
    ("runs", "{}", "the body lacks 'data'"),
    (
      "runs", design.replacingOccurrences(of: "32", with: "1000"),
      "the batch size: expected 1 to 512, found 1000"
    ),
    (
      "runs", design.replacingOccurrences(of: "xor", with: "mnist"),
      "data: this server has no folder of MNIST; start it with --mnist FOLDER"
    ),
    ("load", #"{"format": 1}"#, "the file is not a training run that this page has saved"),
    (
      "load", "not a model",
      "the file is not a training run that this page has saved"
    ),
  ])
  func aWrongRequestIsRefusedInOneSentence(
    path: String, body: String, sentence: String
  ) async throws {
    try await withClient { client in
      let (status, answer) = try await post(client, path, body)
      #expect(status == .badRequest)
      #expect(try JSONDecoder().decode(Failure.self, from: answer).error == sentence)
    }
  }

  @Test func wrongChangesAreRefused() async throws {
    try await withClient { client in
      let (_, made) = try await post(client, "runs", Self.design)
      let run = try JSONDecoder().decode(Description.self, from: made).run
      for body in [
        #"{"steps": 0}"#, #"{"steps": 101}"#, #"{"rate": -1}"#, #"{"shown": 200}"#,
        #"{"pace": -1}"#,
      ] {
        #expect(try await post(client, "runs/\(run)/set", body).0 == .badRequest)
      }
    }
  }
}
