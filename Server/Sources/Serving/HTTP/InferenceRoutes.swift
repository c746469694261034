import Foundation
import Hummingbird
import ONNX

extension InferenceServer {
  /// Adds the routes below `/v2`.
  func addInferenceRoutes(to router: Router<ServeContext>) {
    let v2 = router.group("v2")
    v2.only(.get, "") { _, _ in Response(json: ServerMetadata()) }
    v2.only(.get, "health/live") { _, _ in Response(json: ["live": true]) }
    v2.only(.get, "health/ready") { _, _ in
      let isReady = !lifetime.isStopping
      // KServe's text has `live` here, its OpenAPI description `ready`.
      return Response(
        status: isReady ? .ok : .serviceUnavailable, json: ["live": true, "ready": isReady])
    }
    for path in ["models/{model}", "models/{model}/versions/{version}"] {
      let model = v2.group(RouterPath(path))
      model.only(.get, "") { _, context in Response(json: try metadata(try self.model(context))) }
      model.only(.get, "ready") { _, context in
        Response(json: ModelReady(name: try self.model(context).name))
      }
      model.only(.get, "config") { _, context in
        Response(json: ModelConfiguration(try metadata(try self.model(context))))
      }
      model.only(.post, "infer") { request, context in
        try await infer(request, try self.model(context))
      }
    }
    addRepositoryRoutes(to: v2.group("repository"))
  }

  /// The model that the path of a request names.
  func model(_ context: ServeContext) throws -> ServedModel {
    try repository.model(
      try context.name("model"), version: context.parameters.get("version").map { $0 })
  }

  /// The model, as clients are told.
  func metadata(_ model: ServedModel) throws -> ModelMetadata {
    ModelMetadata(model, versions: repository.versions(of: model.name))
  }

  private func infer(_ request: Request, _ model: ServedModel) async throws -> Response {
    try request.checkContent("application/json", "application/octet-stream")
    let length = try request.headers[.inferenceHeaderLength].map { text in
      guard let length = Int(text) else {
        throw ServingError(
          .badRequest, "Inference-Header-Content-Length is \(quoted(text)), not a number")
      }
      return length
    }
    let body = try await request.bytes(limit: options.maxBody)
    let wanted = try InferRequest(body, headerLength: length, maxElements: options.maxElements)
    return InferResponse(wanted, model, try await run(wanted, model)).response
  }

  /// Runs a model, and gives the outputs that the request asks for.
  func run(_ request: InferRequest, _ model: ServedModel) async throws -> [ResponseOutput] {
    for output in request.outputs
    where !model.session.outputs.contains(where: { $0.name == output.name }) {
      throw ServingError(
        .badRequest, "the model \(quoted(model.name)) has no output \(quoted(output.name))")
    }
    let results = try await scheduler.run(model, request.inputs, timeout: request.timeout)
    return try request.outputs(of: results, model, maxElements: options.maxElements)
  }
}

private struct ModelReady: Encodable {
  let name: String
  let ready = true
}

extension ServeContext {
  /// A part of the path that is a name.
  /// - Throws: `ServingError` for one with an invalid escape
  public func name(_ parameter: String) throws -> String {
    let text = try parameters.require(parameter)
    guard let name = text.removingPercentEncoding else {
      throw ServingError(.badRequest, "\(quoted(text)) in the path has an invalid escape")
    }
    return name
  }
}

extension Request {
  /// Checks that the body is of one of these types, if it says so, and not compressed. `curl -d` calls
  /// every body a form.
  /// - Throws: `ServingError` with status 415
  func checkContent(_ types: String...) throws {
    if let encoding = headers[.contentEncoding], encoding.lowercased() != "identity" {
      throw ServingError(
        .unsupportedMediaType,
        "the body has the encoding \(quoted(encoding)); this server reads none")
    }
    guard let type = headers[.contentType] else { return }
    let name = type.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
    guard types.contains(name) || name == "application/x-www-form-urlencoded" else {
      throw ServingError(
        .unsupportedMediaType,
        "the Content-Type is \(quoted(type)); expected \(types.joined(separator: " or "))")
    }
  }
}

extension RouterMethods where Context == ServeContext {
  /// Adds a route that has this method only, and HEAD where that is GET; others are refused with
  /// status 405.
  func only(
    _ method: HTTPRequest.Method, _ path: RouterPath,
    _ body: @escaping @Sendable (Request, ServeContext) async throws -> Response
  ) {
    on(path, method: method, use: body)
    if method == .get {
      on(path, method: .head) { request, context in
        var response = try await body(request, context)
        response.body = ResponseBody()
        return response
      }
    }
    for other: HTTPRequest.Method in [.get, .post, .put, .patch, .delete] where other != method {
      on(path, method: other) { request, _ in
        var response = Response(
          status: .methodNotAllowed,
          json: ["error": "\(quoted(request.uri.path)) has no \(other), only \(method)"])
        response.headers[.allow] = method.rawValue
        return response
      }
    }
  }
}
