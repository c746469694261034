import Foundation
import Hummingbird
import HummingbirdTesting
import Logging
import ONNX
import Testing

@testable import Serving

struct GenerateTests {
  private struct Answer: Decodable {
    let text_output: String
    let session: String?
    let finish_reason: String?
    let prompt_tokens: Int?
    let tokens: Int?
  }

  private func test(
    _ change: (inout ServerOptions) -> Void = { _ in },
    _ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void
  ) async throws {
    var options = ServerOptions(folder: "../models")
    change(&options)
    let server = try InferenceServer(options, logger: Logger(label: "test"))
    try await server.application(server.router()).test(.router) { try await body($0) }
  }

  private func generate(
    _ client: any TestClientProtocol, _ body: String, model: String = "char_rnn",
    status: HTTPResponse.Status = .ok
  ) async throws -> TestResponse {
    let response = try await client.execute(
      uri: "/v2/models/\(model)/generate", method: .post, body: ByteBuffer(string: body))
    #expect(response.status == status, "\(String(buffer: response.body))")
    return response
  }

  private func answer(_ response: TestResponse) throws -> Answer {
    try JSONDecoder().decode(Answer.self, from: Data(response.body.readableBytesView))
  }

  @Test func textIsTheSameAsTheLibrarys() async throws {
    let generator = try TextGenerator(Model(contentsOf: "../models/char_rnn.onnx"))
    let expected = try {
      var random = RandomStream(seed: 5)
      var tokens: [Int] = []
      try generator.generate(
        after: generator.vocabulary.numbers(of: "ROMEO:"), length: 40, temperature: 0.7,
        using: &random
      ) {
        tokens.append($0)
        return true
      }
      return generator.vocabulary.text(of: tokens)
    }()
    try await test { client in
      let answer = try answer(
        try await generate(
          client,
          #"{"text_input":"ROMEO:","parameters":{"max_tokens":40,"temperature":0.7,"seed":5}}"#))
      #expect(answer.text_output == expected)
      #expect(answer.tokens == 40 && answer.prompt_tokens == 6)
      #expect(answer.finish_reason == "length" && answer.session == nil)
    }
  }

  @Test func aSessionContinuesItsText() async throws {
    try await test { client in
      let whole = try answer(
        try await generate(
          client, #"{"text_input":"JULIET:","parameters":{"max_tokens":30,"temperature":0}}"#))
      let first = try answer(
        try await generate(
          client,
          #"{"text_input":"JULIET:","session":"new","parameters":{"max_tokens":10,"temperature":0}}"#
        ))
      let session = try #require(first.session)
      #expect(session.count == 32)
      let second = try answer(
        try await generate(
          client,
          """
          {"text_input":"","session":"\(session)","parameters":{"max_tokens":20,"temperature":0}}
          """))
      #expect(second.session == session)
      #expect(first.text_output + second.text_output == whole.text_output)
      _ = try await generate(
        client, #"{"text_input":"","session":"\#(session)"}"#, model: "char_lstm", status: .notFound
      )
    }
  }

  @Test func aSessionIsForgotten() async throws {
    let body = #"{"text_input":"A","session":"new","parameters":{"max_tokens":1}}"#
    try await test({ $0.stateLifetime = .milliseconds(50) }) { client in
      let session = try #require(try answer(try await generate(client, body)).session)
      try await Task.sleep(for: .milliseconds(60))
      let response = try await generate(
        client, #"{"text_input":"","session":"\#(session)"}"#, status: .notFound)
      #expect(String(buffer: response.body).contains("forgotten"))
    }
    try await test({ $0.maxStates = 1 }) { client in
      let first = try #require(try answer(try await generate(client, body)).session)
      let second = try #require(try answer(try await generate(client, body)).session)
      let rest = #""parameters":{"max_tokens":1}}"#
      _ = try await generate(
        client, #"{"text_input":"","session":"\#(first)","# + rest, status: .notFound)
      _ = try await generate(client, #"{"text_input":"","session":"\#(second)","# + rest)
    }
  }

  @Test func aTextEndsAtItsStop() async throws {
    try await test { client in
      let answer = try answer(
        try await generate(
          client,
          #"{"text_input":"ROMEO:\n","parameters":{"seed":1,"temperature":0.5,"stop":["\n\n"]}}"#))
      #expect(answer.finish_reason == "stop")
      #expect(!answer.text_output.contains("\n\n"))
      #expect(!answer.text_output.isEmpty)
    }
  }

  @Test func tokensAreEvents() async throws {
    try await test { client in
      let parameters = #"{"max_tokens":12,"temperature":0}"#
      let body = #"{"text_input":"ROMEO:","parameters":\#(parameters)}"#
      let whole = try answer(try await generate(client, body)).text_output
      let response = try await client.execute(
        uri: "/v2/models/char_rnn/versions/1/generate_stream", method: .post,
        body: ByteBuffer(string: body))
      #expect(response.headers[.contentType] == "text/event-stream")
      let events = try String(buffer: response.body).split(separator: "\n\n").map {
        try JSONDecoder().decode(Answer.self, from: Data($0.dropFirst(6).utf8))
      }
      #expect(events.count == 13)
      #expect(events.map(\.text_output).joined() == whole)
      #expect(events.last?.finish_reason == "length" && events.last?.tokens == 12)
    }
  }

  @Test(
    arguments: [
      #"{"parameters":{}}"#, #"{"text_input":"€"}"#, #"{"text_input":7}"#, "[",
      #"{"text_input":"A","parameters":{"max_tokens":0}}"#,
      #"{"text_input":"A","parameters":{"max_tokens":99999999999}}"#,
      #"{"text_input":"A","parameters":{"temperature":-1}}"#,
      #"{"text_input":"A","parameters":{"stop":[""]}}"#,
      #"{"text_input":"A","parameters":{"seed":-1}}"#,
    ])
  func wrongRequestsAreRefused(_ body: String) async throws {
    try await test { client in
      let response = try await generate(client, body, status: .badRequest)
      #expect(String(buffer: response.body).contains(#""error":"#))
    }
  }

  @Test func modelsWithoutTextAndLongPromptsAreRefused() async throws {
    try await test({ $0.maxTokens = 10 }) { client in
      _ = try await generate(client, #"{"text_input":"A"}"#, model: "lenet5", status: .badRequest)
      _ = try await generate(client, #"{"text_input":"A"}"#, model: "none", status: .notFound)
      _ = try await generate(
        client, #"{"text_input":"ABCDEFGHIJK"}"#, status: .badRequest)
      _ = try await generate(
        client, #"{"text_input":"A","session":"none"}"#, status: .notFound)
    }
  }
}
