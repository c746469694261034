import ONNXFormat

/// The attributes of a node with windows.
struct LayerWindows {
  private let node: Node
  private let isTransposed: Bool

  init?(_ node: Node) {
    guard
      [
        "AveragePool", "Conv", "ConvInteger", "ConvTranspose", "FusedConv", "LpPool", "MaxPool",
        "QLinearConv",
      ].contains(node.operatorType)
    else { return nil }
    self.node = node
    isTransposed = node.operatorType == "ConvTranspose"
  }

  private func integers(_ name: String) -> [Int]? {
    guard case .ints(let values)? = node.attribute(name)?.value else { return nil }
    return values.map { Int($0) }
  }

  private func text(_ name: String) -> String? {
    guard case .string(let value)? = node.attribute(name)?.value else { return nil }
    return value.string
  }

  /// The windows along each axis; `nil` where sizes are unknown or do not fit each other.
  func axes(input: [Int]?, output: [Int]?, weight: [Int]?) -> [WindowAxis]? {
    guard let input, let output, input.count > 2, output.count == input.count else { return nil }
    let rank = input.count - 2
    guard let kernel = integers("kernel_shape") ?? weight.map({ Array($0.dropFirst(2)) }) else {
      return nil
    }
    let ones = Array(repeating: 1, count: rank)
    let strides = integers("strides") ?? ones
    let dilations = integers("dilations") ?? ones
    var pads = integers("pads") ?? Array(repeating: 0, count: 2 * rank)
    var isCeiling = false
    if case .int(let mode)? = node.attribute("ceil_mode")?.value { isCeiling = mode != 0 }
    let limits = 0...Int(Int32.max)
    guard kernel.count == rank, strides.count == rank, dilations.count == rank,
      pads.count == 2 * rank, strides.allSatisfy({ $0 > 0 }), kernel.allSatisfy({ $0 > 0 }),
      (kernel + strides + dilations + pads + input + output).allSatisfy(limits.contains)
    else { return nil }
    let automatic = text("auto_pad") ?? "NOTSET"
    for axis in 0..<rank where automatic.hasPrefix("SAME") || integers("output_shape") != nil {
      let extent = (kernel[axis] - 1) * dilations[axis] + 1
      let (n, out) = (input[axis + 2], output[axis + 2])
      let total =
        isTransposed
        ? (n - 1) * strides[axis] + extent - out : (out - 1) * strides[axis] + extent - n
      let small = max(total, 0) / 2
      let isUpper = automatic != "SAME_LOWER"
      pads[axis] = isUpper ? small : max(total, 0) - small
      pads[rank + axis] = max(total, 0) - pads[axis]
    }
    return (0..<rank).map { axis in
      WindowAxis(
        input: input[axis + 2], output: output[axis + 2], kernel: kernel[axis],
        stride: strides[axis], dilation: dilations[axis], before: pads[axis],
        after: pads[rank + axis], roundsUp: isCeiling, isTransposed: isTransposed)
    }
  }
}
