import ArgumentParser
import ONNX
import ToolSupport

/// The most tiles that a sheet shows.
private let tileLimit = 1024

/// Draws the filters of a convolution.
struct ExplainFilters: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "filters",
    abstract: "The filters of a convolution: a row for each, a tile for each channel it reads.",
    discussion: """
      Grey is 0, white positive, black negative. Filters of three channels are drawn in colour.

      EXAMPLES:
        onnx-run explain filters models/lenet5.onnx --output filters.png
      """)

  @OptionGroup var arguments: ExplainArguments

  func perform() throws -> ExitStatus {
    let model = try ExplainedModel(arguments)
    let node = try model.node(arguments.node, "convolution") {
      ["Conv", "ConvTranspose"].contains($0.operatorType) && $0.inputs.count >= 2
    }
    let weights = try model.weights(node)
    let values = try weights.floats(node.inputs[1])
    guard (3...4).contains(weights.shape.count), weights.count > 0 else {
      throw Failure(
        "\(arguments.model): expected filters [M,C,K] or [M,C,K,K], found \(weights)")
    }
    // Filters along one axis are drawn as one tile each, a row for each channel.
    let isFlat = weights.shape.count == 3
    let shape = isFlat ? [weights.shape[0], 1] + weights.shape[1...] : weights.shape
    let channels = shape[1] == 3 ? 3 : 1
    let columns = shape[1] / channels
    let filters = min(shape[0], max(1, tileLimit / max(columns, 1)))
    let size = channels * shape[2] * shape[3]
    let shown = min(columns, tileLimit)
    var tiles: [Tensor] = []
    for filter in 0..<filters {
      for column in 0..<shown {
        let start = (filter * columns + column) * size
        tiles.append(
          Tensor(
            shape: [channels, shape[2], shape[3]], Array(values[start..<start + size])))
      }
    }
    var sheet = TileSheet("filters of \(ExplainedModel.label(node)) \(Shape(weights.shape))", tiles)
    sheet.range = .aroundZero
    if columns > 1 { sheet.columns = shown }
    try sheet.image().savePNG(to: arguments.output)
    if filters < shape[0] || shown < columns {
      printError("\(filters) of \(shape[0]) filters are drawn")
    }
    return .fine
  }
}

extension ExplainedModel {
  /// The weights of a convolution: a constant, or what follows from constants alone.
  fileprivate func weights(_ node: Node) throws(Failure) -> Tensor {
    let name = node.inputs[1]
    if let constant = model.graph.initializers.first(where: { $0.name == name }) {
      return constant.tensor
    }
    if let maker = model.graph.nodes.first(where: { $0.outputs.contains(name) }),
      maker.operatorType == "Constant", case .tensor(let value)? = maker.attribute("value")?.value
    {
      return value.tensor
    }
    throw Failure("\(path): the filters '\(name)' are no constant of the model")
  }
}

/// Draws the feature maps that a node makes of an input.
struct ExplainMaps: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "maps",
    abstract: "The feature maps that a node makes of an input, a tile for each channel.",
    discussion: """
      Any node with an output [N,C,H,W] serves; each tile goes from its least number, black, to its
      largest, white.

      EXAMPLES:
        onnx-run explain maps models/lenet5.onnx --input models/digits/7.png --output maps.png
      """)

  @OptionGroup var arguments: ExplainArguments
  @OptionGroup var inputs: ExplainInputArguments

  private static let usual: Set<String> = [
    "Conv", "ConvTranspose", "Relu", "LeakyRelu", "Sigmoid", "Tanh", "MaxPool", "AveragePool",
    "BatchNormalization", "Add", "Concat",
  ]

  func perform() throws -> ExitStatus {
    var model = try ExplainedModel(arguments)
    let node: Node
    if let name = arguments.node,
      let any = model.model.graph.nodes.first(where: {
        $0.name == name || $0.outputs.contains(name)
      })
    {
      node = any
    } else {
      let wanted = arguments.node
      node = try model.node(wanted, wanted == nil ? "convolution" : "node with maps") {
        wanted == nil ? $0.operatorType == "Conv" : Self.usual.contains($0.operatorType)
      }
    }
    _ = try model.read(inputs)
    guard let name = node.outputs.first(where: { !$0.isEmpty }),
      let maps = try model.tensors([name])[name]
    else { throw Failure("\(arguments.model): the node has no output") }
    guard maps.shape.count == 4, maps.count > 0 else {
      throw Failure(
        "\(arguments.model): expected '\(ExplainedModel.label(node))' to give maps [N,C,H,W], "
          + "found \(maps)")
    }
    let values = try maps.floats(name)
    let (channels, height, width) = (maps.shape[1], maps.shape[2], maps.shape[3])
    let shown = min(channels, tileLimit)
    let tiles = (0..<shown).map { channel in
      Tensor(
        shape: [1, height, width],
        Array(values[channel * height * width..<(channel + 1) * height * width]))
    }
    var sheet = TileSheet("maps of \(ExplainedModel.label(node)) \(Shape(maps.shape))", tiles)
    sheet.labels = (0..<shown).map { "\($0)" }
    try sheet.image().savePNG(to: arguments.output)
    if shown < channels { printError("\(shown) of \(channels) maps are drawn") }
    return .fine
  }
}
