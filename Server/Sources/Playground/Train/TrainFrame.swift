import Foundation
import ONNX

/// What the page shows at a moment. Parts that have not changed are left out.
struct TrainFrame: Encodable, Sendable {
  var isRunning = false
  /// The reason why training stopped; `nil` if it did not stop of itself.
  var problem: String?
  let step: Int
  let epoch: Double
  let rate: Double
  let stepsPerSecond: Double
  let examplesPerSecond: Double
  /// The points of the curves that are new, or all of them.
  let points: [CurvePoint]
  let replacesPoints: Bool
  var validation: ValidationView?
  var cloud: CloudView?
  var filters: LayerView?
  var shown: ExampleView?
}

/// The evaluation as the page shows it.
struct ValidationView: Encodable, Sendable {
  struct Mistake: Encodable, Sendable {
    let example: Int
    let label: Int
    let predicted: Int
    let probability: Float
    let picture: Data?
    let text: String?
  }

  let loss: Double
  let accuracy: Double
  let count: Int
  let confusion: [Int]
  let mistakes: [Mistake]
}

/// Values of a layer, or its weights.
struct LayerView: Encodable, Sendable {
  /// The position of the layer.
  let layer: Int
  let kind: String
  let tiles: Tiles
}

/// What a network computes over the plane of a point cloud.
struct CloudView: Encodable, Sendable {
  /// The probability of the second class minus that of the first, from the lowest `y` up.
  let boundary: Tiles
  /// The values of each unit.
  let units: [LayerView]
}

/// What a network computes from one example.
struct ExampleView: Encodable, Sendable {
  let example: Int
  let label: Int
  let probabilities: [Float]
  let picture: Data?
  let text: String?
  let layers: [LayerView]
}

/// What a page has already been sent.
struct FrameListener: Sendable {
  var generation: Int?
  var points = 0
  var evaluation: Int?
}

extension Training {
  /// The most units or maps of a layer that are shown.
  static let mostTiles = 32
  /// The points of the plane along each axis, and every how many-th a unit is shown at.
  static let side = 48, unitStride = 3

  /// The frame of the moment.
  /// - Parameter listener: what the page has been sent
  func frame(for listener: inout FrameListener) throws -> TrainFrame {
    let replaces = listener.generation != history.generation
    let points = replaces ? history.points : Array(history.points.dropFirst(listener.points))
    let model = try trainer.model
    var frame = TrainFrame(
      step: step, epoch: epoch, rate: rate, stepsPerSecond: stepsPerSecond,
      examplesPerSecond: stepsPerSecond * Double(design.batch), points: points,
      replacesPoints: replaces)
    if let evaluation, replaces || listener.evaluation != evaluation.step {
      frame.validation = view(evaluation)
    }
    if examples.choice.kind.isCloud {
      frame.cloud = try cloud(model)
    } else {
      frame.filters = filters(model)
      frame.shown = try example(model)
    }
    listener = FrameListener(
      generation: history.generation, points: history.points.count, evaluation: evaluation?.step)
    return frame
  }

  private func view(_ evaluation: Evaluation) -> ValidationView {
    let classes = evaluation.confusion.classCount
    return ValidationView(
      loss: evaluation.loss, accuracy: evaluation.accuracy, count: evaluation.count,
      confusion: (0..<classes * classes).map { evaluation.confusion[$0 / classes, $0 % classes] },
      mistakes: examples.choice.kind.isCloud
        ? []
        : evaluation.mistakes.map {
          .init(
            example: $0.example, label: $0.label, predicted: $0.predicted,
            probability: $0.probability, picture: examples.picture($0.example),
            text: examples.text($0.example))
        })
  }

  /// The layers that are shown: not those whose activation follows, and no dropout.
  private var shownLayers: [(offset: Int, element: Network.Layer)] {
    let activations = ["relu", "leakyRelu", "tanh", "sigmoid", "maxout"]
    return network.layers.enumerated().filter { index, layer in
      let next = network.layers.dropFirst(index + 1).first?.kind
      return layer.kind != "dropout" && !(next.map(activations.contains) ?? false)
    }
  }

  private func cloud(_ model: Model) throws -> CloudView {
    let (side, extent) = (Self.side, Float(MadeData.extent))
    let places = (0..<side).map { extent * (2 * (Float($0) + 0.5) / Float(side) - 1) }
    var boundary: [Float] = []
    var units = [[Float]](repeating: [], count: shownLayers.count)
    let rows = max(1, probe.most / side)
    for first in stride(from: 0, to: side, by: rows) {
      let part = places[first..<min(first + rows, side)]
      let points = part.flatMap { y in places.flatMap { [$0, y] } }
      let values = try probe.values(
        of: Tensor(shape: [part.count * side] + network.shape, points), model)
      let scores = values[network.output].map { Array($0.elements(as: Float.self)) } ?? []
      for row in 0..<scores.count / 2 {
        let probabilities = network.probabilities(scores[2 * row..<2 * row + 2])
        boundary.append(probabilities[1] - probabilities[0])
      }
      for (index, layer) in shownLayers.enumerated() {
        guard let tensor = values[layer.element.value], tensor.shape.first == part.count * side
        else { continue }
        let numbers = tensor.elements(as: Float.self)
        let size = tensor.shape.dropFirst().reduce(1, *)
        for row in part.indices where row % Self.unitStride == 1 {
          for column in stride(from: 1, to: side, by: Self.unitStride) {
            let start = ((row - first) * side + column) * size
            units[index] += numbers[start..<start + min(size, Self.mostTiles)]
          }
        }
      }
    }
    let small = side / Self.unitStride
    return CloudView(
      boundary: Tiles(shape: [side, side], boundary, limit: 1),
      units: zip(shownLayers, units).map { layer, values in
        let count = values.count / (small * small)
        let turned = (0..<count).flatMap { unit in
          (0..<small * small).map { values[$0 * count + unit] }
        }
        return LayerView(
          layer: layer.offset, kind: layer.element.kind,
          tiles: Tiles(shape: [count, small, small], turned))
      })
  }

  /// The filters of the first layer that has weights: those of a convolution, or of units that see a
  /// picture; a recurrent layer's weights are one picture.
  private func filters(_ model: Model) -> LayerView? {
    let kinds = ["convolution", "dense", "rnn", "lstm", "gru"]
    guard let index = network.layers.firstIndex(where: { kinds.contains($0.kind) }),
      let tensor = model.graph.initializers.first(where: {
        $0.tensor.shape.count >= 2 && $0.tensor.elementType == .float32
      })?.tensor
    else { return nil }
    let kind = network.layers[index].kind
    let shape = tensor.shape
    var tiles = Tiles(tensor, most: Self.mostTiles)
    if shape[0] == 1, shape.count == 3 {
      // The weights of an input lie side by side.
      let weights = tensor.elements(as: Float.self)
      let turned = (0..<weights.count).map { weights[$0 % shape[1] * shape[2] + $0 / shape[1]] }
      tiles = Tiles(shape: [shape[2], shape[1]], turned)
    }
    if kind == "dense", examples.choice.kind.isDigits, shape.last == 28 * 28 {
      tiles = tiles.reshaped([tiles.shape[0], 1, 28, 28])
    }
    return LayerView(layer: index, kind: kind, tiles: tiles)
  }

  private func example(_ model: Model) throws -> ExampleView {
    let input = try examples.inputs([shown])
    let values = try probe.values(of: input, model)
    let scores = values[network.output].map { Array($0.elements(as: Float.self)) } ?? []
    return ExampleView(
      example: shown, label: examples.validationLabels[shown],
      probabilities: network.probabilities(scores), picture: examples.picture(shown),
      text: examples.text(shown),
      layers: shownLayers.compactMap { index, layer in
        guard let tensor = values[layer.shown ?? layer.value], !tensor.shape.isEmpty else {
          return nil
        }
        let shape =
          layer.shown == nil
          ? Array(tensor.shape.dropFirst()) : [tensor.shape[0], tensor.shape[3]]
        let numbers = tensor.elements(as: Float.self)
        let count = shape.count == 3 ? min(shape[0], Self.mostTiles) : nil
        let kept = count.map { [$0] + shape.dropFirst() } ?? shape
        return LayerView(
          layer: index, kind: layer.kind,
          tiles: Tiles(shape: kept, numbers.prefix(kept.reduce(1, *))))
      })
  }
}
