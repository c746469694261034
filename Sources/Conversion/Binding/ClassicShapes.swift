import ONNX

extension ArchitectureShapes {
  /// The classic network whose filters, channels, classes and picture match the weights. Of pictures, it
  /// tries squares of 224, 32 and 28 pixels, unless the size is stated.
  mutating func classic(
    _ network: (any ClassicNetwork)?
  ) throws(ConversionError) -> any Architecture {
    guard var net = network, let first = convolutions.first?.shape, first.count == 4 else {
      throw missing("convolution")
    }
    if var alexnet = net as? AlexNet, convolutions.count > 1 {
      alexnet.hasOneTower = convolutions[1].shape[1] == first[0]
      net = alexnet
    }
    if var googlenet = net as? GoogLeNet {
      googlenet.isOriginal = convolutions.contains { $0.shape[2...] == [5, 5] }
      net = googlenet
    }
    net.scale = Double(first[0]) / Double(net.stemFilters)
    net.channels = try size("channels", first[1])
    net.classes = try size("classes", matrices.last?.shape[0])
    var side: Int?
    for candidate in [224, 32, 28] where side == nil {
      (net.height, net.width) = (candidate, candidate)
      if fits(net) { side = candidate }
    }
    net.height = try size("height", side)
    net.width = try size("width", side)
    return net
  }

  /// Whether the first convolution and the first linear layer of a network have the weights' shapes.
  private func fits(_ net: any ClassicNetwork) -> Bool {
    guard let graph = try? net.outline().graph else { return false }
    let shapes = graph.initializers.map(\.tensor.shape)
    return shapes.first { $0.count == 4 } == convolutions.first?.shape
      && shapes.first { $0.count == 2 } == matrices.first?.shape
  }
}
