import ONNXFormat
import ONNXOperators

/// Rearranges channels to spatial blocks: `[N, C · b², H, W]` → `[N, C, H · b, W · b]`. The position in
/// the block is the outer (DCR) or the inner (CRD) part of the channel index.
struct DepthToSpace: DifferentiableOperator {
  static let schema = Schema(
    "DepthToSpace", [1: .classic, 11: .classic, 13: .any13, 28: .any13], inputs: 1...1)
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }
  let blocks: SpaceBlocks

  init(_ node: inout NodeReader) throws(OperatorError) {
    blocks = try SpaceBlocks(&node, hasMode: node.version >= 11)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = try inputs.shape(0, rank: 4) else {
      return [.tensor(data.elementType, Shape(rank: 4))]
    }
    let area = try blocks.multiply(.size(blocks.side))
    return [
      .tensor(
        data.elementType,
        [
          shape[0], try blocks.divide(shape[1], by: area.size ?? 1),
          try blocks.multiply(shape[2]), try blocks.multiply(shape[3]),
        ])
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try blocks.kernel(call, space: try call.outputSizes(0), isSpaceTarget: true)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    backward.set(0, blocks.node("SpaceToDepth", gradient, &backward))
  }
}

/// Rearranges spatial blocks to channels, the inverse of `DepthToSpace`.
struct SpaceToDepth: DifferentiableOperator {
  static let schema = Schema(
    "SpaceToDepth", [1: .classic, 13: .any13, 28: .any13], inputs: 1...1)
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }
  let blocks: SpaceBlocks

  init(_ node: inout NodeReader) throws(OperatorError) {
    blocks = try SpaceBlocks(&node, hasMode: node.version >= 28)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = try inputs.shape(0, rank: 4) else {
      return [.tensor(data.elementType, Shape(rank: 4))]
    }
    return [
      .tensor(
        data.elementType,
        [
          shape[0], try blocks.multiply(try blocks.multiply(shape[1])),
          try blocks.divide(shape[2], by: blocks.side),
          try blocks.divide(shape[3], by: blocks.side),
        ])
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try blocks.kernel(call, space: try call.inputSizes(0), isSpaceTarget: false)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    backward.set(0, blocks.node("DepthToSpace", gradient, &backward))
  }
}

/// Blocks of `side` × `side` pixels and their order in the channels.
struct SpaceBlocks: Sendable {
  let side: Int
  let isColumnFirst: Bool

  init(_ node: inout NodeReader, hasMode: Bool) throws(OperatorError) {
    side = try node.int("blocksize")
    guard side >= 1 else { throw .attribute("blocksize", "expected at least 1, got \(side)") }
    isColumnFirst =
      hasMode
      ? try node.choice("mode", default: "DCR", among: ["DCR", "CRD"]) == "CRD" : false
  }

  /// A node of the inverse operator. `SpaceToDepth` has a mode since operator set 28.
  func node(_ name: String, _ x: String, _ backward: inout Backward) -> String {
    backward.builder.node(
      name, [x], [.int("blocksize", side), .string("mode", isColumnFirst ? "CRD" : "DCR")],
      operatorSet: 28)
  }

  func multiply(_ dimension: Dimension) throws(OperatorError) -> Dimension {
    guard let size = dimension.size else { return .unknown }
    let (product, overflow) = size.multipliedReportingOverflow(by: side)
    if overflow { throw .attribute("blocksize", "\(side) is too large") }
    return .size(product)
  }

  func divide(_ dimension: Dimension, by divisor: Int) throws(OperatorError) -> Dimension {
    guard let size = dimension.size else { return .unknown }
    guard size % divisor == 0 else {
      throw .input(0, "size \(size) is not divisible by \(divisor)")
    }
    return .size(size / divisor)
  }

  /// - Parameter space: the shape `[N, C, H · b, W · b]`
  func kernel(
    _ call: Preparation, space: [Int], isSpaceTarget: Bool
  ) throws(OperatorError) -> Kernel {
    let (n, c, h, w) = (space[0], space[1], space[2] / side, space[3] / side)
    // Dimensions: N, C, block row, block column, H, W.
    let sizes = [n, c, side, side, h, w]
    let plane = h &* w
    let depth =
      isColumnFirst
      ? [c &* side &* side &* plane, side &* side &* plane, side &* plane, plane, w, 1]
      : [c &* side &* side &* plane, plane, side &* c &* plane, c &* plane, w, 1]
    let row = w &* side
    let pixels = [c &* h &* side &* row, h &* side &* row, row, 1, side &* row, side]
    // In the order of the target.
    let order =
      isSpaceTarget
      ? [0, 1, 4, 2, 5, 3] : isColumnFirst ? [0, 1, 2, 3, 4, 5] : [0, 2, 3, 1, 4, 5]
    let (from, to) = isSpaceTarget ? (depth, pixels) : (pixels, depth)
    let copy = StridedCopy(
      try call.elementType(0), order.map { sizes[$0] }, from: order.map { from[$0] },
      to: order.map { to[$0] })
    return CopyTasks([CopyJob(copy)]).kernel
  }
}

extension DepthToSpace {
  static var versionSteps: [VersionStep] {
    [
      .added(11, ["mode": .string("DCR")])
    ]
  }
}

extension SpaceToDepth {
  static var versionSteps: [VersionStep] {
    [
      .added(28, ["mode": .string("DCR")])
    ]
  }
}
