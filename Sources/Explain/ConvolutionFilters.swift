import ONNXFormat
import ONNXImages
import ONNXSupport
internal import ONNXPlots

/// The largest number of tiles in a picture.
private let tileLimit = 1024

/// The filters of a convolution.
public struct ConvolutionFilters: Sendable {
  /// The name of the convolution.
  public let node: String
  /// The filters, floating point `[M, C, K]` or `[M, C, K, K]`.
  public let weights: Tensor
  private let values: [Float]

  fileprivate init(_ node: Node, _ weights: Tensor) throws(ExplainError) {
    values = try weights.floats(node.inputs[1])
    guard (3...4).contains(weights.shape.count), weights.count > 0 else {
      throw .unsuitable("expected filters [M,C,K] or [M,C,K,K], found \(weights.type)")
    }
    self.node = node.label
    self.weights = weights
  }

  /// `[M, C, K, K]`. Filters along one axis are drawn as a tile each, with a row for each channel.
  private var shape: [Int] {
    let sizes = weights.shape
    return sizes.count == 3 ? [sizes[0], 1] + sizes[1...] : sizes
  }

  /// The number of filters that `image()` draws: all of them up to a limit of 1024 tiles.
  public var drawnCount: Int { min(shape[0], max(1, tileLimit / max(columns, 1))) }

  /// Whether `image()` draws all filters and channels.
  public var isDrawnInFull: Bool { drawnCount == shape[0] && columns <= tileLimit }

  /// The tiles of a filter: one for each channel, or one in colour for three channels.
  private var columns: Int { shape[1] == 3 ? 1 : shape[1] }

  /// The filters as a sheet of tiles: a row for each filter, a tile for each channel. 0 is grey, the
  /// largest weight white, its negative black; filters of three channels are in colour. Filters and
  /// channels are numbered.
  /// - Throws: `ImageError` for a picture that is too large
  public func image() throws(ImageError) -> Image {
    let channels = shape[1] == 3 ? 3 : 1
    let size = channels * shape[2] * shape[3]
    let shown = min(columns, tileLimit)
    var tiles: [Tensor] = []
    for filter in 0..<drawnCount {
      for column in 0..<shown {
        let start = (filter * columns + column) * size
        tiles.append(
          Tensor(shape: [channels, shape[2], shape[3]], Array(values[start..<start + size])))
      }
    }
    var sheet = TileSheet("filters of \(node) \(Shape(weights.shape))", tiles)
    sheet.range = .aroundZero
    sheet.bar = .samples
    if columns > 1 {
      sheet.columns = shown
      sheet.rowLabels = (0..<drawnCount).map(String.init)
      sheet.columnLabels = (0..<shown).map(String.init)
      sheet.notes = ["rows: filters", "columns: input channels"]
    } else {
      sheet.labels = (0..<drawnCount).map(String.init)
    }
    if weights.shape.count == 3 {
      sheet.notes = ["a tile for each filter", "rows: input channels", "columns: time"]
    } else if channels == 3 {
      sheet.notes = [
        "RGB: red, green and blue are the weights of the three channels", "grey is 0 in all three",
      ]
    }
    return try sheet.image()
  }
}

extension ExplainedModel {
  /// The filters of a convolution.
  /// - Parameter name: the name of a `Conv` or `ConvTranspose` node or of its output; `nil` for the
  ///   first
  /// - Throws: `ExplainError` if there is no such node, or its filters are not constant
  public func filters(of name: String? = nil) throws(ExplainError) -> ConvolutionFilters {
    let node = try node(name, "convolution") {
      ["Conv", "ConvTranspose"].contains($0.operatorType) && $0.inputs.count >= 2
    }
    return try ConvolutionFilters(node, constant(node.inputs[1]))
  }

  /// An initializer or the value of a `Constant` node.
  func constant(_ name: String) throws(ExplainError) -> Tensor {
    if let constant = model.graph.initializers.first(where: { $0.name == name }) {
      return constant.tensor
    }
    if let maker = model.graph.nodes.first(where: { $0.outputs.contains(name) }),
      maker.operatorType == "Constant", case .tensor(let value)? = maker.attribute("value")?.value
    {
      return value.tensor
    }
    throw .unsuitable("the filters '\(name)' are not constant")
  }
}

/// The feature maps that a node computes from an input.
public struct FeatureMaps: Sendable {
  /// The name of the node.
  public let node: String
  /// The maps, floating point `[N, C, H, W]`.
  public let maps: Tensor
  /// The class with the best score, where the model's first output is scores `[N, C]`.
  public let predicted: ClassScore?
  private let values: [Float]

  fileprivate init(
    _ node: Node, _ maps: Tensor, _ name: String, _ predicted: ClassScore?
  ) throws(ExplainError) {
    guard maps.shape.count == 4, maps.count > 0 else {
      throw .unsuitable(
        "expected the output of '\(node.label)' to be [N,C,H,W], found \(maps.type)")
    }
    values = try maps.floats(name)
    self.node = node.label
    self.maps = maps
    self.predicted = predicted
  }

  /// The number of maps that `image()` draws: all of the first example up to 1024.
  public var drawnCount: Int { min(maps.shape[1], tileLimit) }

  /// The maps of the first example as a sheet with a tile for each channel, in grey from the smallest
  /// number of the tile to its largest. Below a tile are the channel's number and these two.
  /// - Throws: `ImageError` for a picture that is too large
  public func image() throws(ImageError) -> Image {
    let (height, width) = (maps.shape[2], maps.shape[3])
    let tiles = (0..<drawnCount).map { channel in
      Tensor(
        shape: [1, height, width],
        Array(values[channel * height * width..<(channel + 1) * height * width]))
    }
    var sheet = TileSheet("maps of \(node) \(Shape(maps.shape))", tiles)
    sheet.labels = tiles.enumerated().map { channel, tile in
      let numbers = tile.elements(as: Float.self).filter(\.isFinite)
      let (low, high) = (numbers.min() ?? 0, numbers.max() ?? 0)
      return "\(channel) \(Self.text(low))..\(Self.text(high))"
    }
    sheet.bar = .samples
    sheet.notes =
      ["below each tile: channel, smallest..largest"]
      + (predicted.map { ["predicted class: \($0.text)"] } ?? [])
    return try sheet.image()
  }

  private static func text(_ number: Float) -> String {
    formatted(Double(number), abs(number) < 100 ? "%.2g" : "%.3g")
  }
}

extension ExplainedModel {
  /// The feature maps that a node computes from the inputs.
  /// - Parameter name: the name of any node or of its output; `nil` for the first `Conv`
  /// - Throws: `ExplainError` if there is no such node, its output is not `[N, C, H, W]`, or the run
  ///   fails
  public func featureMaps(of name: String? = nil) throws(ExplainError) -> FeatureMaps {
    let node = try node(name, name == nil ? "convolution" : "node") {
      name != nil || $0.operatorType == "Conv"
    }
    let output = node.outputs.first { !$0.isEmpty } ?? ""
    let (maps, predicted) = try tensorAndPrediction(output)
    guard let maps else { throw .unsuitable("the node '\(node.label)' has no output") }
    return try FeatureMaps(node, maps, output, predicted)
  }
}
