import Hummingbird
import ONNX
import Serving

extension PlaygroundServer {
  /// Adds the routes of the page Look: the graphs of models, their constants, and runs.
  func addLookRoutes(to group: RouterGroup<ServeContext>) {
    let look = group.group("look")
    let store = LookStore(server)
    let work = LookWork()
    let options = server.options
    let repository = server.repository
    look.get("models") { _, _ in Response(json: repository.names) }
    look.post("models") { request, _ in
      let bytes = Array(try await request.bytes(limit: options.maxBody).readableBytesView)
      return Response(json: try await work.perform { try store.upload(bytes).graph })
    }
    // The model that a request names, with `?simplified` without needless nodes.
    @Sendable func model(
      _ request: Request, _ context: ServeContext
    ) throws -> @Sendable () throws -> LookedModel {
      let id = try context.parameters.require("id")
      let isSimplified = request.uri.queryParameters["simplified"] != nil
      return { try store.model(id, simplified: isSimplified) }
    }
    look.get("models/:id") { request, context in
      let model = try model(request, context)
      return Response(json: try await work.perform { try model().graph })
    }
    look.get("models/:id/constants/:value") { request, context in
      let model = try model(request, context)
      let text = try context.parameters.require("value")
      let summary = try await work.perform {
        let model = try model()
        guard let tensor = Int(text).flatMap({ model.constants[$0] }) else {
          throw ServingError(.notFound, "'\(model.id)' has no constant \(text.shortened(40))")
        }
        return TensorSummary(tensor, bins: 48, tiles: 64, side: 96, first: 64)
      }
      return Response(json: summary)
    }
    look.post("models/:id/run") { request, context in
      let model = try model(request, context)
      let wanted = try await request.json(
        LookRunRequest.self, limit: min(options.maxBody, 16 << 20))
      return Response(json: try await work.perform { try model().run(wanted) })
    }
  }
}
