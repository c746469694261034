import ONNXAudio
import ONNXFormat
import ONNXImages
import ONNXInterpreter
import ONNXSupport
internal import ONNXPlots

/// The regions of a picture that speak for a class.
///
/// Where the class's score is `Σ w_k · mean(A_k) + b` for the maps `A_k` before a global average pool,
/// this is the class activation map `Σ w_k A_k` (Zhou and others, "Learning deep features for
/// discriminative localization", 2016). For other networks it is Grad-CAM, `max(0, Σ α_k A_k)`, where
/// `α_k` is the mean of the score's gradient by `A_k` (Selvaraju and others, "Grad-CAM: visual
/// explanations from deep networks via gradient-based localization", 2017).
public struct ClassActivation: Sendable {
  /// The two kinds of maps.
  public enum Method: String, Sendable {
    /// The class activation map of a network with global average pooling.
    case cam = "CAM"
    /// The gradient-weighted map of any convolutional network.
    case gradCAM = "Grad-CAM"
  }

  /// A class with its map.
  public struct Entry: Sendable {
    /// The index of the class.
    public let classIndex: Int
    /// The name of the class, or its index.
    public let name: String
    /// The class's score.
    public let score: Float
    /// The map, row by row, as large as the layer's.
    public let map: [Float]
    /// The map resized to the picture by bilinear interpolation (`Resize`), row by row.
    let resized: [Float]
  }

  /// The method, which depends on the network.
  public let method: Method
  /// The name of the layer's maps.
  public let layer: String
  /// The class with the best score.
  public let predicted: ClassScore
  /// The classes in the order in which they were asked for.
  public let entries: [Entry]
  /// The sizes of a map.
  public let rows: Int, columns: Int
  /// The picture, `[N, C, H, W]`.
  public let picture: Tensor
  /// Whether the picture is the spectrum of a sound, with its lowest band as the first row.
  public let isSpectrum: Bool

  /// The maps, float32 `[classes, H, W]`.
  public var maps: Tensor {
    Tensor(shape: [entries.count, rows, columns], entries.flatMap(\.map))
  }

  /// A row for each class: the picture, the map, and the map over the picture. Negative numbers, which
  /// speak against the class, are drawn as 0, and the largest of each map as white. Spectra have their
  /// lowest band at the bottom.
  /// - Throws: `ImageError` for a picture that is too large
  public func image() throws(ImageError) -> Image {
    let samples: PictureSamples
    do { samples = try PictureSamples(picture) } catch { throw .notAnImage("\(error)") }
    var tiles: [Tensor] = []
    var labels: [String] = []
    for entry in entries {
      let drawn = samples.tiles(strengths: entry.resized.map { max($0, 0) })
      tiles += isSpectrum ? drawn.map(\.upsideDown) : drawn
      let score = formatted(Double(entry.score), "%.4g")
      labels += [isSpectrum ? "spectrum" : "picture", "map of \(entry.name)", "score \(score)"]
    }
    var sheet = TileSheet(
      "\(method.rawValue) of \(entries.map(\.name).joined(separator: ", "))", tiles)
    sheet.labels = labels
    sheet.range = .fixed(0...1)
    sheet.columns = 3
    let largest = entries.map { $0.resized.max() ?? 0 }.max() ?? 0
    var bar = ColorBar(low: 0, high: max(largest, 1e-30), colors: ColorBar.glow)
    // Each map has a scale of its own.
    if entries.count > 1 { bar.ends = ("0", "largest") }
    sheet.bar = .colors(bar)
    sheet.notes = ["predicted class: \(predicted.text)", "layer: \(layer)"]
    return try sheet.image()
  }
}

extension ExplainedModel {
  /// The activation maps of classes for the first picture among the inputs.
  /// - Parameters:
  ///   - classes: the indices or names of classes; none for the one with the best score
  ///   - output: the name of the node or output with the scores; `nil` for the model's first output,
  ///     before its softmax
  ///   - layer: the name of the node or output with the maps, for Grad-CAM; `nil` for the input of the
  ///     global average pool, or the last maps of more than one pixel
  /// - Throws: `ExplainError` if there is no picture, layer or class, a node on the way has no
  ///   gradient, or a run fails
  public func classActivation(
    of classes: [String] = [], output: String? = nil, layer: String? = nil
  ) throws(ExplainError) -> ClassActivation {
    // Tokens have no places in a picture.
    let readsTokens = model.graph.inputs.contains { info in
      inputs[info.name]?.tensor.map { $0.integers != nil && !$0.shape.isEmpty } ?? false
    }
    guard !readsTokens else {
      throw .unsuitable("the model has no input of pictures or sounds")
    }
    let output = try scores(of: output)
    let place = try activationLayer(output, layer)
    let found = try tensors([output, place.maps, place.picture])
    guard let scores = found[output], let maps = found[place.maps],
      let picture = found[place.picture], maps.shape.count == 4, maps.count > 0
    else { throw .unsuitable("the scores or the maps are empty") }
    let all = try ClassScores(self, output, scores)
    let chosen = try all.classes(classes)
    let values = try maps.floats(place.maps)
    let gradient = try gradient(of: output, by: place.maps)
    let (rows, columns) = (maps.shape[2], maps.shape[3])
    var entries: [ClassActivation.Entry] = []
    for entry in chosen {
      let slopes = try gradient(scores.unit(at: entry.index))
      guard slopes.shape == maps.shape else {
        throw .unsuitable("expected a gradient like the maps \(maps.type), found \(slopes.type)")
      }
      let map = Self.weightedSum(
        values, try slopes.floats(place.maps), channels: maps.shape[1], plane: rows * columns,
        isPooled: place.isPooled)
      entries.append(
        ClassActivation.Entry(
          classIndex: entry.index, name: entry.name, score: entry.score, map: map,
          resized: try resized(map, rows, columns, to: Array(picture.shape.suffix(2)))))
    }
    return ClassActivation(
      method: place.isPooled ? .cam : .gradCAM, layer: place.maps, predicted: all.best,
      entries: entries, rows: rows, columns: columns, picture: picture,
      isSpectrum: model.metadata.contains { $0.key == Sound.rateMetadataKey })
  }

  /// `Σ w_k A_k` of the first example. The gradient of a score by `mean(A_k)`, the weight `w_k` of a
  /// linear layer, is the sum of the gradients by the elements of `A_k`; Grad-CAM takes their mean.
  private static func weightedSum(
    _ maps: [Float], _ slopes: [Float], channels: Int, plane: Int, isPooled: Bool
  ) -> [Float] {
    var sum = [Float](repeating: 0, count: plane)
    for channel in 0..<channels {
      let range = channel * plane..<(channel + 1) * plane
      let weight = slopes[range].reduce(0, +) / (isPooled ? 1 : Float(plane))
      for (pixel, place) in range.enumerated() { sum[pixel] += weight * maps[place] }
    }
    return isPooled ? sum : sum.map { max($0, 0) }
  }

  /// The map resized by the standard's operator.
  private func resized(
    _ map: [Float], _ rows: Int, _ columns: Int, to sizes: [Int]
  ) throws(ExplainError) -> [Float] {
    let resize = Node(
      "Resize", inputs: ["map", "", "", "sizes"], outputs: ["resized"],
      attributes: [.string("mode", "linear")])
    let graph = Graph(
      nodes: [resize],
      inputs: [ValueInfo("map", .tensor(.float32, [1, 1, .size(rows), .size(columns)]))],
      outputs: [ValueInfo("resized", nil)],
      initializers: [
        NamedTensor("sizes", Tensor(shape: [4], ([1, 1] + sizes).map { Int64($0) }))
      ])
    let model = Model(
      graph: graph, operatorSets: [OperatorSetImport(domain: "", version: 19)], irVersion: 9)
    do {
      let result = try Session(model, options: options).run([
        "map": Tensor(shape: [1, 1, rows, columns], map)
      ])
      return try result["resized"]?.floats("map") ?? []
    } catch { throw .unsuitable("\(error)") }
  }
}
