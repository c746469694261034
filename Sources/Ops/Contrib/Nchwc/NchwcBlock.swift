import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// The channels of a block in the layout that onnxruntime gives images and weights on this or another
/// processor: 16 with AVX-512 and on ARM, otherwise 8.
///
/// Here, images keep the standard layout `[N, C, H, W]`, with C padded to whole blocks as in the file.
/// Weights are stored in blocks and put back in order.
enum NchwcBlock {
  /// The domain of operators on blocked images.
  static let domain = "com.microsoft.nchwc"
  private static let attribute = "block"

  /// The attribute that tells the nodes of a graph its block size.
  static func settings(in graph: Graph) -> [Attribute] { [.int(attribute, size(in: graph))] }

  /// Reads the attribute of `settings`; without one, the block size of this processor.
  static func read(_ node: inout NodeReader) throws(OperatorError) -> Int {
    let size = try node.int(attribute, default: native)
    guard size == 8 || size == 16 else {
      throw .attribute(attribute, "expected 8 or 16, got \(size)")
    }
    return size
  }

  /// The block size of onnxruntime on this processor.
  static var native: Int {
    #if arch(x86_64)
      ck_simd_level() == 2 ? 16 : 8
    #else
      16
    #endif
  }

  /// The block size of a graph: the only one that the shapes allow, or else the one by which the
  /// weights differ most between channels and between places of the window, since another one mixes
  /// them. If they do not differ, as random numbers do not, the one of this processor.
  static func size(in graph: Graph) -> Int {
    let nodes = graph.nodes.atAnyDepth
    let tensors = Dictionary(
      graph.initializers.map { ($0.name ?? "", $0.tensor) }, uniquingKeysWith: { first, _ in first }
    )
    var producers: [String: Node] = [:]
    for node in nodes {
      for output in node.outputs where !output.isEmpty { producers[output] = node }
    }
    var weights: [NchwcWeights] = []
    for node in nodes where node.domain == domain {
      switch node.operatorType {
      case "Conv":
        guard node.inputs.count > 1, let tensor = tensors[node.inputs[1]], tensor.shape.count == 4
        else { continue }
        let form = NchwcWeights(tensor, groups: max(node.integer("group") ?? 1, 1))
        let isBlocked = producers[node.inputs[0]].map { $0.domain == domain } ?? false
        if let size = form.onlyBlock(readsBlocks: isBlocked) { return size }
        weights.append(form)
      case "ReorderOutput":
        guard let producer = producers[node.inputs.first ?? ""], producer.operatorType == "Conv",
          producer.domain == domain, producer.inputs.count > 1,
          let padded = tensors[producer.inputs[1]]?.shape.first,
          let channels = node.integer("channels"), channels > 0, padded - channels >= 8
        else { continue }
        return 16
      default: continue
      }
    }
    var difference = 0.0
    var groups = 0
    for form in weights {
      difference += form.unevenness(block: 16) - form.unevenness(block: 8)
      groups += form.parts
      // Chance makes a difference of about the root of the number of groups.
      let chance = 10 * Double(groups).squareRoot()
      if abs(difference) > 5 * chance { break }
    }
    guard abs(difference) > 10 * Double(groups).squareRoot() else { return native }
    return difference > 0 ? 16 : 8
  }
}

/// The weights of a convolution of blocked images, as stored: by blocks of output channels, and by
/// blocks of input channels within them unless the convolution reads single channels.
struct NchwcWeights {
  private let tensor: Tensor?
  private let sizes: [Int]
  private let groups: Int

  init(_ tensor: Tensor, groups: Int) {
    self.tensor = tensor
    sizes = tensor.shape
    self.groups = groups
  }

  /// - Parameter sizes: `[output channels, input channels, height, width]`
  init(_ sizes: [Int], groups: Int) {
    tensor = nil
    self.sizes = sizes
    self.groups = groups
  }

  private var isDepthwise: Bool { groups > 1 && sizes[1] == 1 && sizes[0] == groups }

  /// Whether input channels are in blocks too.
  func hasInputBlocks(of block: Int) -> Bool { groups > 1 ? !isDepthwise : sizes[1] >= block }

  /// Whether the weights may be in blocks of this size.
  func fits(_ block: Int) -> Bool {
    sizes[0] % block == 0
      && (!hasInputBlocks(of: block)
        || sizes[1] % block == 0 && (groups == 1 || sizes[0] / groups % block == 0))
  }

  /// The block size, if the shape leaves only one.
  func onlyBlock(readsBlocks: Bool) -> Int? {
    switch (fits(8), fits(16)) {
    case (true, false): 8
    case (false, true): 16
    // With eight input channels, blocks of 16 read the image as it is.
    case (true, true) where groups == 1 && sizes[1] == 8: readsBlocks ? 8 : 16
    default: nil
    }
  }

  /// The number of groups that `unevenness` compares.
  var parts: Int { sizes.reduce(0, +) }

  /// How much the weights differ between output channels, between input channels and between places
  /// of the window, as the logarithm of their likelihood under a variance for each.
  func unevenness(block: Int) -> Double {
    guard let tensor, tensor.elementType == .float32, tensor.count > 0, fits(block) else {
      return 0
    }
    let (inputs, places) = (sizes[1], sizes[2] * sizes[3])
    var sums = [
      [Double](repeating: 0, count: sizes[0]), [Double](repeating: 0, count: inputs),
      [Double](repeating: 0, count: places),
    ]
    let inner = hasInputBlocks(of: block) ? block : 1
    let weights = tensor.storage.floats
    var index = 0
    for output in stride(from: 0, to: sizes[0], by: block) {
      for input in stride(from: 0, to: inputs, by: inner) {
        for place in 0..<places {
          for i in 0..<inner {
            for o in 0..<block {
              let square = Double(weights[index]) * Double(weights[index])
              sums[0][output + o] += square
              sums[1][input + i] += square
              sums[2][place] += square
              index += 1
            }
          }
        }
      }
    }
    let mean = sums[2].reduce(0, +) / Double(tensor.count)
    guard mean > 0, mean.isFinite else { return 0 }
    var result = 0.0
    for list in sums {
      let count = Double(tensor.count / list.count)
      for sum in list { result -= count / 2 * .log(sum / count / mean + 1e-6) }
    }
    return result
  }

  /// Adds the nodes that put the weights in order, `[output channels, input channels, height, width]`.
  func ordered(
    _ weights: String, block: Int, _ builder: inout GraphBuilder
  ) -> String {
    let blocks = sizes[0] / block
    let shape: [Int]
    let axes: [Int]
    if hasInputBlocks(of: block) {
      shape = [blocks, sizes[1] / block, sizes[2], sizes[3], block, block]
      axes = [0, 5, 1, 4, 2, 3]
    } else {
      shape = [blocks, sizes[1], sizes[2], sizes[3], block]
      axes = [0, 4, 1, 2, 3]
    }
    let stored = builder.reshape(weights, to: builder.integers(shape))
    return builder.reshape(builder.transpose(stored, axes), to: builder.integers(sizes))
  }
}
