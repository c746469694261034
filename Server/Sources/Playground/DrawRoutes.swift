import Hummingbird
import ONNX
import Serving

extension PlaygroundServer {
  /// Adds the routes of the page Draw.
  func addDrawRoutes(to group: RouterGroup<ServeContext>) {
    let models = PictureModels(server.repository)
    let runs = WorkDesk(places: 64, kind: "drawings")
    let heatMaps = WorkDesk(places: 8, kind: "heat maps")
    let pictures = WorkDesk(places: 2, kind: "pictures")
    let examples = PictureFiles.examples(in: server.options.folder)
    let draw = group.group("draw")

    draw.get("models") { _, _ in Response(json: models.list()) }
    draw.get("examples") { _, _ in Response(json: examples) }
    draw.get("models/{model}") { _, context in
      let model = try await models.model(context.name("model"))
      return Response(json: PictureModelDescription(model))
    }
    draw.post("models/{model}/run") { request, context in
      let model = try await models.model(context.name("model"))
      let samples = try await request.samples(of: model)
      let place = try runs.enter()
      defer { place.leave() }
      let values = try await model.run(samples)
      return Response(
        status: .ok, headers: [.contentType: "application/octet-stream"],
        body: .init(byteBuffer: Self.bytes(values)))
    }
    draw.post("models/{model}/heat") { request, context in
      let model = try await models.model(context.name("model"))
      let query = request.uri.queryParameters
      guard let text = query["class"], let index = Int(text) else {
        throw ServingError(.badRequest, "expected the index of a class as 'class'")
      }
      guard let method = query["method"].flatMap({ HeatMap.Method(rawValue: String($0)) }) else {
        throw ServingError(.badRequest, "expected 'method' to be 'activation' or 'saliency'")
      }
      let samples = try await request.samples(of: model)
      let map = try await heatMaps.enter().run {
        try HeatMap(model, samples, method, class: index)
      }
      return Response(json: map)
    }
    draw.post("picture") { request, _ in
      let body = try await request.bytes(limit: PictureFiles.maxBytes)
      let png = try await pictures.enter().run {
        try PictureFiles.square(Array(body.readableBytesView))
      }
      return Response(
        status: .ok, headers: [.contentType: "image/png"],
        body: .init(byteBuffer: ByteBuffer(bytes: png)))
    }
  }

  /// The elements of tensors, one after the other, float32 and little-endian.
  private static func bytes(_ tensors: [Tensor]) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.reserveCapacity(tensors.reduce(0) { $0 + 4 * $1.count })
    for tensor in tensors { tensor.withUnsafeBytes { _ = buffer.writeBytes($0) } }
    return buffer
  }
}

/// What the page must know about a model.
private struct PictureModelDescription: Encodable {
  let name: String
  let shape: [Int]
  let classes: [String]
  let steps: [PictureStep]

  init(_ model: PictureModel) {
    (name, shape) = (model.name, model.shape)
    (classes, steps) = (model.classes, model.steps)
  }
}

extension Request {
  /// The samples of a picture `[C, H, W]`: the body, float32 and little-endian.
  /// - Throws: `ServingError` for another size, or a sample outside 0 to 1
  fileprivate func samples(of model: PictureModel) async throws -> [Float] {
    let count = model.shape.reduce(1, *)
    let body = try await bytes(limit: 4 * count)
    guard body.readableBytes == 4 * count else {
      throw ServingError(
        .badRequest,
        "expected \(count) samples (\(4 * count) bytes) of a picture \(model.shape), "
          + "found \(body.readableBytes) bytes")
    }
    let samples = body.withUnsafeReadableBytes { bytes in
      (0..<count).map {
        Float(bitPattern: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self).littleEndian)
      }
    }
    if let wrong = samples.first(where: { !($0 >= 0 && $0 <= 1) }) {
      throw ServingError(.badRequest, "expected samples from 0 to 1, found \(wrong)")
    }
    return samples
  }
}
