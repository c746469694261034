import Hummingbird
import Serving

extension PlaygroundServer {
  /// Adds the routes of the page Write.
  func addWriteRoutes(to group: RouterGroup<ServeContext>) {
    let models = LanguageModels(server)
    let desk = WorkDesk(places: 8)
    let write = group.group("write")
    write.get("models") { _, _ in
      let place = try desk.enter()
      return Response(json: try await place.run { models.catalog() })
    }
    write.post("text") { request, _ in
      let wish = try await request.json(Writing.Wish.self)
      let place = try desk.enter()
      let writing = try await place.run { try Writing(wish, models.model(wish.model)) }
      return Response.events { events in try await writing.send(to: &events, on: place) }
    }
    write.post("gates") { request, _ in
      let wish = try await request.json(TextGates.Wish.self)
      let place = try desk.enter()
      return Response(json: try await place.run { try TextGates(wish, models.model(wish.model)) })
    }
    write.post("neurons") { request, _ in
      let wish = try await request.json(NeuronSearch.Wish.self)
      let place = try desk.enter()
      return Response(
        json: try await place.run { try NeuronSearch(wish, models.model(wish.model)) })
    }
    write.post("sensitivity") { request, _ in
      let wish = try await request.json(TextSensitivity.Wish.self)
      let place = try desk.enter()
      return Response(
        json: try await place.run { try TextSensitivity(wish, models.model(wish.model)) })
    }
  }
}
