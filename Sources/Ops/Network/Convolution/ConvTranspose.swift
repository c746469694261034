import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Transposed convolution: each element of `X`, `[N, C, …]`, times the kernel `W`,
/// `[C, M / group, …]`, is added to the result `[N, M, …]` from position `o · stride − pad` on.
struct ConvTranspose: Operator {
  static let schema = Schema(
    "ConvTranspose", [1: .floats, 11: .floats, 22: [.floats, .bfloat16]], inputs: 2...3)
  static var parameters: [ParameterInput] { [.init(1, .weight), .init(2, .bias)] }
  let attributes: WindowAttributes
  let groups: Int
  /// The number of elements appended to each axis.
  let outputPadding: [Int]?
  /// The spatial sizes of the result, which determine the pads.
  let outputShape: [Int]?

  init(_ node: inout NodeReader) throws(OperatorError) {
    attributes = try WindowAttributes(&node)
    groups = try node.int("group", default: 1)
    guard groups > 0 else { throw .attribute("group", "expected 1 or more, got \(groups)") }
    outputPadding = try node.optionalInts("output_padding").flatMap { $0.isEmpty ? nil : $0 }
    outputShape = try node.optionalInts("output_shape").flatMap { $0.isEmpty ? nil : $0 }
    if let wrong = outputPadding?.first(where: { $0 < 0 || $0 > WindowAxis.limit }) {
      throw .attribute("output_padding", "\(wrong) is out of range")
    }
    if let wrong = outputShape?.first(where: { $0 < 0 || $0 > WindowAxis.limit }) {
      throw .attribute("output_shape", "\(wrong) is out of range")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    let image = try inputs.tensor(0).shape
    let weights = try inputs.tensor(1, sameTypeAs: 0).shape
    guard let rank = image?.rank ?? weights?.rank else { return [.tensor(type, nil)] }
    guard rank >= 3 else { throw .input(0, "expected rank 3 or higher, got rank \(rank)") }
    if let weights, weights.rank != rank {
      throw .input(1, "expected rank \(rank), the rank of input 0, got shape \(weights)")
    }
    for (index, shape) in [image?[1], weights?[0]].enumerated() {
      guard let channels = shape?.size, channels % groups != 0 else { continue }
      throw .input(index, "\(channels) channels are not divisible by group \(groups)")
    }
    if let channels = image?[1].size, let own = weights?[0].size, own != channels {
      throw .input(1, "expected \(channels) input channels, got \(own)")
    }
    let maps = try weights?[1].size.map { size throws(OperatorError) in
      let (maps, overflow) = size.multipliedReportingOverflow(by: groups)
      if overflow { throw .input(1, "\(groups) groups of \(size) channels overflow") }
      return maps
    }
    if inputs.has(2) {
      _ = try inputs.tensor(2, sameTypeAs: 0)
      if let size = try inputs.shape(2, rank: 1)?[0].size, let maps, size != maps {
        throw .input(2, "expected \(maps) elements, one per output channel, got \(size)")
      }
    }
    var result = Shape(rank: rank)
    result[0] = image?[0] ?? .unknown
    result[1] = Dimension(maps)
    let spatial =
      image.map { $0.dropFirst(2).map(\.size) } ?? Array(repeating: nil, count: rank - 2)
    let sizes = try outputShape(rank: rank - 2)
    let kernel = weights.map { $0.dropFirst(2).map(\.size) }
    if kernel != nil || attributes.kernel != nil {
      let axes = try axes(spatial, kernel: kernel)
      for (index, axis) in axes.enumerated() { result[index + 2] = Dimension(axis?.input) }
    }
    for (index, size) in (sizes ?? []).enumerated() { result[index + 2] = .size(size) }
    return [.tensor(type, result)]
  }

  /// The values of `output_shape` for the spatial axes; values for batch and channels are skipped.
  private func outputShape(rank: Int) throws(OperatorError) -> [Int]? {
    guard let outputShape else { return nil }
    guard outputShape.count == rank || outputShape.count == rank + 2 else {
      throw .attribute("output_shape", "expected \(rank) values, got \(outputShape.count)")
    }
    return Array(outputShape.suffix(rank))
  }

  /// The windows over the result along each axis, one per element of the image; `nil` if the size
  /// of the image or the kernel is unknown.
  private func axes(
    _ image: [Int?], kernel weights: [Int?]?
  ) throws(OperatorError) -> [WindowAxis?] {
    let kernel = try attributes.kernelSizes(weights, rank: image.count)
    try attributes.checkCounts(image.count)
    let outputShape = try outputShape(rank: image.count)
    if let outputPadding, outputPadding.count != image.count {
      throw .attribute(
        "output_padding", "expected \(image.count) values, got \(outputPadding.count)")
    }
    var axes: [WindowAxis?] = []
    for (index, size) in image.enumerated() {
      guard let size, let width = kernel[index] else {
        axes.append(nil)
        continue
      }
      axes.append(
        try axis(
          index, of: image.count, image: size, kernel: width, wanted: outputShape?[index]))
    }
    return axes
  }

  private func axis(
    _ index: Int, of rank: Int, image: Int, kernel: Int, wanted: Int?
  ) throws(OperatorError) -> WindowAxis {
    guard kernel > 0, image > 0 else {
      throw .invalid(
        "image \(image) or kernel \(kernel) along spatial axis \(index) is not positive")
    }
    var axis = WindowAxis(
      output: image, kernel: kernel, stride: image > 1 ? attributes.strides?[index] ?? 1 : 1,
      dilation: kernel > 1 ? attributes.dilations?[index] ?? 1 : 1)
    let extent = try axis.checkedExtent()
    let (steps, overflow) = (image - 1).multipliedReportingOverflow(by: axis.stride)
    guard !overflow, steps < WindowAxis.limit else {
      throw .invalid(
        "the result size for an image of \(image) with stride \(axis.stride) overflows")
    }
    let full = steps + extent + (outputPadding?[index] ?? 0)
    var size = wanted
    if size == nil, attributes.autoPad == .sameUpper || attributes.autoPad == .sameLower {
      size = try Self.product(image, attributes.strides?[index] ?? 1)
    }
    if let size {
      let total = max(full - size, 0)
      axis.padBegin = attributes.autoPad == .sameUpper ? total / 2 : total - total / 2
      axis.padEnd = total - axis.padBegin
      axis.input = size
    } else {
      if attributes.autoPad == .notSet {
        axis.padBegin = attributes.begin(index)
        axis.padEnd = attributes.end(index, of: rank)
      }
      guard axis.padBegin <= full, axis.padEnd <= full - axis.padBegin else {
        throw .attribute("pads", "the pads remove all \(full) elements along spatial axis \(index)")
      }
      axis.input = full - axis.padBegin - axis.padEnd
    }
    return axis
  }

  private static func product(_ a: Int, _ b: Int) throws(OperatorError) -> Int {
    let product = Int.work(a, b)
    guard product < WindowAxis.limit else { throw .invalid("\(a) · \(b) overflows") }
    return product
  }

  /// The transposed convolution for `X` and `W` of these sizes.
  func window(image: [Int], weights: [Int]) throws(OperatorError) -> Window {
    let axes = try axes(Array(image.dropFirst(2)), kernel: Array(weights.dropFirst(2)))
    return try Window(axes.compactMap { $0 })
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let image = try call.inputSizes(0)
    let weights = try call.inputSizes(1)
    let window = try window(image: image, weights: weights)
    guard try call.count(try call.outputSizes(0)) > 0 else { return .compute { _ in } }
    let problem = TransposedConvolution(
      batch: image[0], groups: groups, channels: image[1] / groups, maps: weights[1],
      window: window, hasBias: call.inputs.has(2))
    switch try call.elementType(0) {
    case .float32: return try problem.floatKernel(threads: call.threads)
    case .float64: return problem.kernel(threads: call.threads, Double.self)
    case .float16, .bfloat16: return try call.widened(prepare)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }
}

extension ConvTranspose {
  static func linearWeight(_ node: Node) -> LinearWeight? {
    LinearWeight(outputAxis: 1, groups: node.integer("group") ?? 1)
  }
}
