import ONNX

extension ConvNetBuilder {
  /// A fully connected layer: a product with the whole volume.
  mutating func addFullyConnected(_ layer: ConvNetLayer) throws(ConversionError) {
    let input = size
    guard try layer.integer("num_inputs", in: 1...VolumeSize.most) == input.count else {
      throw ConversionError(
        "num_inputs: expected \(input.count), the elements of \(input), got "
          + "\(layer.numbers["num_inputs"] ?? 0)")
    }
    let (filters, biases) = try parameters(layer) { $0.count == input.count }
    let isReordered = !isFlat && input.sx * input.sy > 1
    let weights = filters.flatMap { filter in
      isReordered ? Volume(size: input, elements: filter.elements).channelsFirst : filter.elements
    }
    if !isFlat {
      append("Flatten", [value])
      setFlat()
    }
    let shape = [filters.count, input.count]
    append(
      "Gemm",
      [value, constant("weight", Tensor(shape: shape, weights)), constant("bias", biases)],
      [.int("transB", 1)])
    setSize(try VolumeSize(sx: 1, sy: 1, depth: filters.count))
  }

  /// A convolution. Steps that do not fit into the picture are left out.
  mutating func addConvolution(_ layer: ConvNetLayer) throws(ConversionError) {
    unflatten()
    let window = try window(layer)
    let kernel = try VolumeSize(sx: window.sx, sy: window.sy, depth: size.depth)
    let (filters, biases) = try parameters(layer) { $0 == kernel }
    let weights = Tensor(
      shape: [filters.count, kernel.depth, kernel.sy, kernel.sx],
      filters.flatMap(\.channelsFirst))
    let output = try window.output(of: size, depth: filters.count)
    append(
      "Conv", [value, constant("weight", weights), constant("bias", biases)], window.attributes)
    setSize(output)
  }

  /// The largest element of each window. The padding counts as no element.
  mutating func addPool(_ layer: ConvNetLayer) throws(ConversionError) {
    unflatten()
    let window = try window(layer)
    guard window.pad < min(window.sx, window.sy) else {
      throw ConversionError(
        "pad: expected less than the window's \(min(window.sx, window.sy)), got \(window.pad)")
    }
    let output = try window.output(of: size, depth: size.depth)
    append("MaxPool", [value], window.attributes)
    setSize(output)
  }

  /// The largest of each group of adjacent channels. Channels behind the last whole group are left out.
  mutating func addMaxout(_ layer: ConvNetLayer) throws(ConversionError) {
    let group = try layer.integer("group_size")
    let count = size.depth / group
    guard count >= 1 else {
      throw ConversionError("group_size: expected at most the \(size.depth) channels, got \(group)")
    }
    if count * group < size.depth {
      let bounds = [("starts", 0), ("ends", count * group), ("axes", 1)].map {
        constant($0.0, Tensor(shape: [1], [Int64($0.1)]))
      }
      append("Slice", [value] + bounds)
    }
    let rest = isFlat ? [] : [size.sy, size.sx]
    reshape([0, count, group] + rest)
    append("ReduceMax", [value], [.ints("axes", [2]), .int("keepdims", 0)])
    setSize(try VolumeSize(sx: size.sx, sy: size.sy, depth: count))
  }

  /// Normalization across channels. ConvNetJS takes `n / 2` channels on each side, so that an even `n`
  /// means a window of one more, while the sum is divided by `n`.
  mutating func addNormalization(_ layer: ConvNetLayer) throws(ConversionError) {
    unflatten()
    let n = try layer.integer("n")
    let width = n / 2 * 2 + 1
    append(
      "LRN", [value],
      [
        .int("size", width), .float("bias", try layer.number("k")),
        .float("alpha", try layer.number("alpha") * Float(width) / Float(n)),
        .float("beta", try layer.number("beta")),
      ])
  }

  /// The filters and the biases, as many as the layer's outputs.
  private func parameters(
    _ layer: ConvNetLayer, where fits: (VolumeSize) -> Bool
  ) throws(ConversionError) -> (filters: [Volume], biases: Tensor) {
    let count = try layer.integer("out_depth", in: 1...VolumeSize.most)
    guard layer.filters.count == count else {
      throw ConversionError("out_depth is \(count), but there are \(layer.filters.count) filters")
    }
    guard let biases = layer.biases, biases.elements.count == count else {
      throw ConversionError(
        "out_depth is \(count), but there are \(layer.biases?.elements.count ?? 0) biases")
    }
    if let other = layer.filters.firstIndex(where: { !fits($0.size) }) {
      throw ConversionError(
        "filter \(other) is \(layer.filters[other].size), which does not fit the input \(size)")
    }
    return (layer.filters, Tensor(shape: [count], biases.elements))
  }

  private func window(_ layer: ConvNetLayer) throws(ConversionError) -> ConvNetWindow {
    ConvNetWindow(
      sx: try layer.integer("sx"), sy: try layer.integer("sy"),
      stride: try layer.integer("stride"),
      pad: try layer.integer("pad", in: 0...65536, byDefault: 0))
  }
}

/// The windows of a convolution or a pooling layer.
private struct ConvNetWindow {
  let sx: Int
  let sy: Int
  let stride: Int
  let pad: Int

  var attributes: [Attribute] {
    [
      .ints("kernel_shape", [sy, sx]), .ints("strides", [stride, stride]),
      .ints("pads", [pad, pad, pad, pad]),
    ]
  }

  /// `floor((in + 2·pad − window) / stride + 1)`.
  func output(of size: VolumeSize, depth: Int) throws(ConversionError) -> VolumeSize {
    let (x, y) = (size.sx + 2 * pad - sx, size.sy + 2 * pad - sy)
    guard x >= 0, y >= 0 else {
      throw ConversionError(
        "the window \(sx)×\(sy) is larger than the padded input \(size) (pad \(pad))")
    }
    return try VolumeSize(sx: x / stride + 1, sy: y / stride + 1, depth: depth)
  }
}
