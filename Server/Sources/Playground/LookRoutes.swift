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
    look.get("models/:id") { _, context in
      let id = try context.parameters.require("id")
      return Response(json: try await work.perform { try store.model(id).graph })
    }
    look.get("models/:id/constants/:value") { _, context in
      let id = try context.parameters.require("id")
      let text = try context.parameters.require("value")
      let summary = try await work.perform {
        guard let tensor = Int(text).flatMap({ value in try? store.model(id).constants[value] })
        else {
          // The model's own error comes first.
          _ = try store.model(id)
          throw ServingError(.notFound, "'\(id)' has no constant \(text.shortened(40))")
        }
        return TensorSummary(tensor, bins: 48, tiles: 64, side: 96, first: 64)
      }
      return Response(json: summary)
    }
    look.post("models/:id/run") { request, context in
      let id = try context.parameters.require("id")
      let wanted = try await request.json(LookRunRequest.self, limit: options.maxBody)
      return Response(json: try await work.perform { try store.model(id).run(wanted) })
    }
  }
}
