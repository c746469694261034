import ONNX
import ONNXExplain
import Serving

/// A model that takes a picture, ready to show the value of each step.
struct PictureModel: Sendable {
  /// The most rows or columns of a picture.
  static let maxSide = 512
  /// The rows and columns of a picture whose size is free.
  static let freeSide = 64
  /// The most steps.
  static let maxSteps = 80
  /// The most elements of the values of all steps.
  static let maxValues = 2 << 20
  /// The most weights.
  static let maxWeights = 4 << 20

  /// The model that the server has loaded.
  let served: ServedModel
  /// The name of the picture.
  let input: String
  /// The shape of the picture, `[C, H, W]`.
  let shape: [Int]
  /// A sample `s` from 0 to 1 enters the model as `(s − mean) · scale`, a number for each channel.
  let mean: [Float]
  let scale: [Float]
  /// The names of the classes; none for a model without scores.
  let classes: [String]
  let steps: [PictureStep]
  /// The model, for gradients.
  let model: Model
  private let session: Session

  /// The name of the model.
  var name: String { served.name }

  /// The options of all runs of a picture.
  static var options: SessionOptions {
    var options = SessionOptions()
    options.threads = 1
    options.timeLimit = .seconds(10)
    // Sums in the order that the page adds them in, as far as it matters.
    options.convolution = .exact
    return options
  }

  /// The name and shape `[C, H, W]` of the picture that a model takes.
  /// - Throws: `ServingError` with the reason why a model does not take a picture
  static func picture(
    of inputs: [ValueInfo]
  ) throws(ServingError) -> (name: String, shape: [Int]) {
    guard let input = inputs.first, inputs.count == 1 else {
      throw ServingError(
        .badRequest, "it has \(inputs.count) inputs, and a drawing is only one")
    }
    guard let type = input.type?.tensorType, type.elementType == .float32, let shape = type.shape,
      shape.rank == 4
    else {
      throw ServingError(
        .badRequest, "it takes \(input), not a picture: float32[N,1 or 3,H,W]")
    }
    guard (shape[0].size ?? 1) == 1 else {
      throw ServingError(.badRequest, "it takes \(shape[0]) pictures at once, not one")
    }
    let channels = shape[1].size ?? 1
    guard channels == 1 || channels == 3 else {
      throw ServingError(.badRequest, "its pictures have \(channels) channels, not 1 or 3")
    }
    let sides = [shape[2].size ?? freeSide, shape[3].size ?? freeSide]
    guard sides.allSatisfy((1...maxSide).contains) else {
      throw ServingError(
        .badRequest,
        "its pictures have \(sides[0]) x \(sides[1]) pixels, more than \(maxSide) along a side")
    }
    return (input.name, [channels] + sides)
  }

  /// Prepares a model.
  /// - Throws: `ServingError` with the reason why a model cannot be drawn; `ModelError`
  init(_ served: ServedModel) throws {
    let model: Model
    do { model = try Model(contentsOf: served.path) } catch { throw ModelError.file(error) }
    let constantNames = Set(model.graph.initializers.compactMap(\.name))
    let given = model.graph.inputs.filter { !constantNames.contains($0.name) }
    let (input, shape) = try Self.picture(of: given)
    guard model.graph.nodes.count <= 4 * Self.maxSteps else {
      throw ServingError(
        .badRequest,
        "it has \(model.graph.nodes.count) nodes, and the page shows at most \(Self.maxSteps) steps"
      )
    }
    let weights = model.graph.initializers.reduce(0) { $0 + $1.tensor.count }
    guard weights <= Self.maxWeights else {
      throw ServingError(
        .badRequest, "it has \(weights) weights, and the page shows at most \(Self.maxWeights)")
    }
    let graph = try GraphOfPicture(model, input: input, shape: shape)
    (classes, steps) = (graph.classes, graph.steps)
    guard steps.count <= Self.maxSteps else {
      throw ServingError(
        .badRequest, "it has \(steps.count) steps, and the page shows at most \(Self.maxSteps)")
    }
    let values = steps.reduce(0) { $0 + $1.count }
    guard steps.count > 1, values <= Self.maxValues else {
      throw ServingError(
        .badRequest,
        steps.count > 1
          ? "its steps have \(values) values, and the page shows at most \(Self.maxValues)"
          : "none of its nodes computes float32 values of one picture")
    }
    self.served = served
    self.input = input
    self.shape = shape
    self.model = model
    (mean, scale) = try Self.normalization(model.metadata, channels: shape[0])
    session = try Session(graph.model, options: Self.options)
  }

  /// The means and scales of a model's metadata, a number for each channel.
  private static func normalization(
    _ metadata: [MetadataEntry], channels: Int
  ) throws(ServingError) -> ([Float], [Float]) {
    func numbers(_ key: String, default value: Float) throws(ServingError) -> [Float] {
      guard let text = metadata.first(where: { $0.key == key })?.value else {
        return Array(repeating: value, count: channels)
      }
      let numbers = text.split(separator: ",").compactMap { Float($0) }.filter(\.isFinite)
      guard numbers.count == 1 || numbers.count == channels else {
        throw ServingError(
          .badRequest, "its metadata '\(key)' has \(numbers.count) numbers for \(channels) channels"
        )
      }
      return numbers.count == 1 ? Array(repeating: numbers[0], count: channels) : numbers
    }
    return (try numbers("image_mean", default: 0), try numbers("image_scale", default: 1))
  }

  /// The picture as the model takes it.
  /// - Parameter samples: `[C, H, W]`, from 0 to 1
  /// - Precondition: as many samples as the shape has
  func tensor(_ samples: [Float]) -> Tensor {
    let plane = shape[1] * shape[2]
    return Tensor(
      shape: [1] + shape,
      samples.indices.map { (samples[$0] - mean[$0 / plane]) * scale[$0 / plane] })
  }

  /// The values of all steps, one after the other.
  /// - Throws: `ModelError`
  func run(_ samples: [Float]) async throws -> [Tensor] {
    let picture = tensor(samples)
    let values = try await session.run([input: picture])
    return try steps.map { step in
      guard let value = step.output == input ? picture : values[step.output],
        value.count == step.count, value.elementType == .float32
      else {
        throw ServingError(.internalServerError, "the run did not give '\(step.output)'")
      }
      return value
    }
  }
}
