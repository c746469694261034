#if GRPC
  import GRPCCore
  import SwiftProtobuf

  /// The Open Inference Protocol over gRPC: the same models, scheduler and limits as over HTTP.
  struct GRPCInference: Inference_GRPCInferenceService.SimpleServiceProtocol {
    let server: InferenceServer

    func serverLive(
      request: Inference_ServerLiveRequest, context: ServerContext
    ) async throws -> Inference_ServerLiveResponse {
      .with { $0.live = true }
    }

    func serverReady(
      request: Inference_ServerReadyRequest, context: ServerContext
    ) async throws -> Inference_ServerReadyResponse {
      .with { $0.ready = !server.lifetime.isStopping }
    }

    func serverMetadata(
      request: Inference_ServerMetadataRequest, context: ServerContext
    ) async throws -> Inference_ServerMetadataResponse {
      let metadata = ServerMetadata()
      return .with { response in
        response.name = metadata.name
        response.version = metadata.version
        response.extensions = metadata.extensions
      }
    }

    func modelReady(
      request: Inference_ModelReadyRequest, context: ServerContext
    ) async throws -> Inference_ModelReadyResponse {
      let isReady = (try? model(request.name, request.version)) != nil
      return .with { $0.ready = isReady }
    }

    func modelMetadata(
      request: Inference_ModelMetadataRequest, context: ServerContext
    ) async throws -> Inference_ModelMetadataResponse {
      let metadata = try server.metadata(try model(request.name, request.version))
      return .with { response in
        response.name = metadata.name
        response.versions = metadata.versions
        response.platform = metadata.platform
        response.inputs = metadata.inputs.map { .init($0) }
        response.outputs = metadata.outputs.map { .init($0) }
      }
    }

    func modelInfer(
      request: Inference_ModelInferRequest, context: ServerContext
    ) async throws -> Inference_ModelInferResponse {
      let model = try model(request.modelName, request.modelVersion)
      let wanted = try InferRequest(request, maxElements: server.options.maxElements)
      return Inference_ModelInferResponse(wanted, model, try await server.run(wanted, model))
    }

    func repositoryIndex(
      request: Inference_RepositoryIndexRequest, context: ServerContext
    ) async throws -> Inference_RepositoryIndexResponse {
      try check(request.repositoryName)
      let entries = server.repository.index.filter { !request.ready || $0.state == "READY" }
      return .with { response in
        response.models = entries.map { entry in
          .with { model in
            model.name = entry.name
            model.version = entry.version
            model.state = entry.state
            model.reason = entry.reason
          }
        }
      }
    }

    func repositoryModelLoad(
      request: Inference_RepositoryModelLoadRequest, context: ServerContext
    ) async throws -> Inference_RepositoryModelLoadResponse {
      try check(request.repositoryName, request.parameters.keys, known: [])
      try await server.repository.load(request.modelName)
      return .init()
    }

    func repositoryModelUnload(
      request: Inference_RepositoryModelUnloadRequest, context: ServerContext
    ) async throws -> Inference_RepositoryModelUnloadResponse {
      // No model depends on another.
      try check(request.repositoryName, request.parameters.keys, known: ["unload_dependents"])
      try await server.repository.unload(request.modelName)
      return .init()
    }

    private func model(_ name: String, _ version: String) throws -> ServedModel {
      try server.repository.model(name, version: version.isEmpty ? nil : version)
    }

    private func check(
      _ repository: String, _ parameters: some Collection<String> = EmptyCollection<String>(),
      known: Set<String> = []
    ) throws {
      guard repository.isEmpty else {
        throw ServingError(
          .notFound, "there is no repository \(quoted(repository)), only one without a name")
      }
      if let key = parameters.first(where: { !known.contains($0) }) {
        throw ServingError.unknownRepositoryParameter(key)
      }
    }
  }

  extension Inference_ModelMetadataResponse.TensorMetadata {
    fileprivate init(_ tensor: TensorMetadata) {
      name = tensor.name
      datatype = tensor.datatype
      shape = (tensor.shape ?? []).map { Int64($0) }
    }
  }
#endif
