import ONNX

extension Model {
  /// Reads a network of ConvNetJS (Karpathy 2014) from the JSON that its `Net.toJSON()` writes.
  ///
  /// The model computes what `Net.forward` does outside training, in float32. Its input is `input`,
  /// float32 `[N, depth, sy, sx]`. Its output is `output`: `[N, classes]` after a layer that is fully
  /// connected, the maps `[N, depth, sy, sx]` where none is. Volumes of ConvNetJS vary fastest along the
  /// depth, so weights are transposed. Dropout multiplies by its `drop_prob`, as ConvNetJS does. A
  /// pooling window gives the largest of its elements, without ConvNetJS's lower bound of -99999.
  /// - Parameter bytes: the text, in UTF-8
  /// - Throws: `ConversionError`: with line and column where the text is not JSON or a volume has other
  ///   numbers than its size says, with the layer where layers do not fit each other
  public init(convNetJS bytes: [UInt8]) throws(ConversionError) {
    let layers = try ConvNetReader.layers(bytes)
    guard let first = layers.first, first.type == "input" else {
      throw ConversionError(
        "a ConvNetJS network begins with a layer 'input', got "
          + (layers.first.map { $0.type.quoted } ?? "no layer"))
    }
    var builder = ConvNetBuilder(input: try first.outputSize())
    for (index, layer) in layers.enumerated().dropFirst() {
      do throws(ConversionError) { try builder.add(layer, index: index) } catch {
        throw ConversionError("layer \(index) (\(layer.type.quoted)): \(error)")
      }
    }
    self = builder.model()
  }

  /// Whether a JSON text is a network of ConvNetJS and not an ONNX model: its object has `layers`
  /// before any `graph`.
  static func isConvNetJS(_ bytes: [UInt8]) -> Bool {
    var scanner = JSONScanner(bytes)
    var first: String?
    try? scanner.members { (scanner, key) throws(ConversionError) in
      if key == "layers" || key == "graph" {
        first = key
        throw scanner.error("found")
      }
      try scanner.skipValue()
    }
    return first == "layers"
  }
}
