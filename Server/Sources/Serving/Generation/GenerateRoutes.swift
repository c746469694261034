import Hummingbird
import ONNX

extension InferenceServer {
  /// Adds `/v2/models/{model}/generate` and `…/generate_stream`, with and without a version.
  func addGenerateRoutes(to router: Router<ServeContext>) {
    for path in ["v2/models/{model}", "v2/models/{model}/versions/{version}"] {
      let model = router.group(RouterPath(path))
      model.only(.post, "generate") { request, context in
        Response(json: try await text(request, try self.model(context)).whole())
      }
      model.only(.post, "generate_stream") { request, context in
        let text = try await text(request, try self.model(context))
        return Response.events(endsWithServer: false) { try await text.send(to: &$0) }
      }
    }
  }

  private func text(_ request: Request, _ model: ServedModel) async throws -> WrittenText {
    try request.checkContent("application/json")
    RequestRecord.current?.note(model: model.name)
    let body = try await request.json(GenerateRequest.self)
    let generator: TextGenerator
    switch model.generator {
    case .success(let known): generator = known
    case .failure(let reason):
      throw ServingError(.badRequest, "the model '\(model.name)' does not write text: \(reason)")
    }
    let settings = try body.checked(limit: options.maxTokens)
    let lease = try texts.begin(body.session, for: model)
    let run = try TextRun(
      generator, settings, prompt: body.text_input, after: lease.text, limit: options.maxTokens)
    return WrittenText(server: self, model: model, run: run, lease: lease)
  }
}

/// A text that a request asks for.
private struct WrittenText: Sendable {
  let server: InferenceServer
  let model: ServedModel
  let run: TextRun
  let lease: TextLease

  /// The whole text.
  func whole() async throws -> GenerateResponse {
    var text = ""
    let run = try await write { text += $0 }
    return end(run, text)
  }

  /// Sends an event for each token, and a last one with counts or an error.
  func send(to events: inout EventWriter) async throws {
    do {
      let run = try await write { try await events.send(nil, response($0)) }
      try await events.send(nil, end(run, ""))
    } catch let error as ServingError {
      try await events.send(nil, ["error": error.description])
    }
  }

  /// Writes the text in slices, which take turns with the runs of all models.
  private func write(_ body: (String) async throws -> Void) async throws -> TextRun {
    let deadline = ContinuousClock.now + server.options.timeout
    let tokens = server.metrics.model(model.name).tokens
    var run = run
    while run.finish == nil {
      let current = run
      let (next, texts) = try await server.scheduler.slice(of: model, timeout: deadline - .now) {
        Result { () throws(ModelError) in
          var run = current
          let texts = try run.slice()
          return (run, texts)
        }.mapError(ServingError.init)
      }.get()
      tokens.increment(by: next.count - run.count)
      run = next
      lease.text = run.state
      for text in texts { try await body(text) }
      if server.lifetime.isStopping, run.finish == nil { try await body(run.stop()) }
    }
    lease.keep()
    lease.end()
    return run
  }

  private func response(_ text: String) -> GenerateResponse {
    GenerateResponse(
      model_name: model.name, model_version: model.version, text_output: text)
  }

  private func end(_ run: TextRun, _ text: String) -> GenerateResponse {
    var response = response(text)
    response.session = lease.identifier
    response.finish_reason = run.finish?.rawValue
    response.prompt_tokens = run.promptCount
    response.tokens = run.count
    return response
  }
}
