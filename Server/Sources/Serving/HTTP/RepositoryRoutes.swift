import Hummingbird

extension InferenceServer {
  /// Adds the routes of the model repository extension.
  func addRepositoryRoutes(to group: RouterGroup<ServeContext>) {
    group.only(.post, "index") { request, _ in
      let isReady = try await wantsReadyOnly(request)
      return Response(json: repository.index.filter { !isReady || $0.state == "READY" })
    }
    group.only(.post, "models/{model}/load") { request, context in
      try await checkParameters(request, known: [])
      try await repository.load(try context.name("model"))
      return Response(status: .ok)
    }
    group.only(.post, "models/{model}/unload") { request, context in
      // No model depends on another.
      try await checkParameters(request, known: ["unload_dependents"])
      try await repository.unload(try context.name("model"))
      return Response(status: .ok)
    }
  }

  /// Whether only models that are ready are to be listed.
  private func wantsReadyOnly(_ request: Request) async throws -> Bool {
    var isReady = false
    try await readMembers(request) { scanner, key in
      guard key == "ready" else {
        throw ServingError(.badRequest, "a request for the index has no \(quoted(key))")
      }
      isReady = try scanner.bool()
    }
    return isReady
  }

  private func checkParameters(_ request: Request, known: Set<String>) async throws {
    try await readMembers(request) { scanner, key in
      guard key == "parameters" else {
        throw ServingError(.badRequest, "a request to load or unload has no \(quoted(key))")
      }
      try scanner.object { scanner, key in
        guard known.contains(key) else {
          throw ServingError.unknownRepositoryParameter(key)
        }
        try scanner.skip()
      }
    }
  }

  /// Reads a body that is an object, or empty.
  private func readMembers(
    _ request: Request, _ member: (inout JSONScanner, String) throws -> Void
  ) async throws {
    try request.checkContent("application/json")
    let body = try await request.bytes(limit: min(options.maxBody, 1 << 20))
    try body.withUnsafeReadableBytes { bytes in
      guard !bytes.isEmpty else { return }
      var scanner = JSONScanner(bytes.assumingMemoryBound(to: UInt8.self))
      try scanner.object(member)
      try scanner.finish()
    }
  }
}
