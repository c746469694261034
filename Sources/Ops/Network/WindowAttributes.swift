import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The attributes that define the windows: `kernel_shape`, `strides`, `dilations`, `pads`,
/// `auto_pad`, `ceil_mode`.
struct WindowAttributes: Sendable {
  enum AutoPad: String, CaseIterable {
    case notSet = "NOTSET"
    case sameUpper = "SAME_UPPER"
    case sameLower = "SAME_LOWER"
    case valid = "VALID"
  }

  let kernel: [Int]?
  let strides: [Int]?
  let dilations: [Int]?
  /// Padding before each axis, followed by the padding after each axis.
  let pads: [Int]?
  let autoPad: AutoPad
  let ceilMode: Bool

  /// - Parameters: whether the operator has `dilations`, `auto_pad` and `ceil_mode`.
  init(
    _ node: inout NodeReader, dilations hasDilations: Bool = true,
    ceilMode hasCeilMode: Bool = false,
    autoPad hasAutoPad: Bool = true
  ) throws(OperatorError) {
    kernel = try Self.sizes(&node, "kernel_shape", least: 1)
    strides = try Self.sizes(&node, "strides", least: 1)
    dilations = hasDilations ? try Self.sizes(&node, "dilations", least: 1) : nil
    pads = try Self.sizes(&node, "pads", least: 0)
    let choice =
      hasAutoPad
      ? try node.choice(
        "auto_pad", default: "NOTSET", among: AutoPad.allCases.map(\.rawValue)) : "NOTSET"
    autoPad = AutoPad(rawValue: choice) ?? .notSet
    ceilMode = hasCeilMode ? try node.flag("ceil_mode") : false
  }

  private static func sizes(
    _ node: inout NodeReader, _ name: String, least: Int
  ) throws(OperatorError) -> [Int]? {
    guard let values = try node.optionalInts(name), !values.isEmpty else { return nil }
    if let wrong = values.first(where: { $0 < least }) {
      throw .attribute(name, "expected values of \(least) or more, got \(wrong)")
    }
    return values
  }

  /// The windows along each axis of an image; `nil` for an axis of unknown input or kernel size.
  ///
  /// - Parameters:
  ///   - input: spatial sizes of the image
  ///   - kernel: spatial sizes of the weights; `nil` to use the attribute alone
  func axes(
    _ input: [Int?], kernel weights: [Int?]? = nil
  ) throws(OperatorError) -> [WindowAxis?] {
    let kernel = try kernelSizes(weights, rank: input.count)
    try checkCounts(input.count)
    var axes: [WindowAxis?] = []
    for (index, size) in input.enumerated() {
      guard let size, let width = kernel[index] else {
        axes.append(nil)
        continue
      }
      axes.append(try axis(index, of: input.count, input: size, kernel: width))
    }
    return axes
  }

  /// The windows over an image of these spatial sizes.
  func window(_ input: [Int], kernel: [Int]? = nil) throws(OperatorError) -> Window {
    try Window(try axes(input, kernel: kernel).compactMap { $0 })
  }

  /// The number of windows along each axis, if known.
  func outputs(_ input: [Dimension], kernel: [Int?]? = nil) throws(OperatorError) -> [Dimension] {
    let axes = try axes(input.map(\.size), kernel: kernel)
    let sizes = try kernelSizes(kernel, rank: input.count)
    return input.indices.map { index in
      if let axis = axes[index] { return .size(axis.output) }
      return keepsSize(index, of: input.count, kernel: sizes[index]) ? input[index] : .unknown
    }
  }

  /// Whether the result has the size of the image for any size.
  private func keepsSize(_ index: Int, of rank: Int, kernel: Int?) -> Bool {
    guard strides?[index] ?? 1 == 1 else { return false }
    switch autoPad {
    case .sameUpper, .sameLower: return true
    case .valid: return kernel == 1
    case .notSet:
      guard let kernel else { return false }
      let (extent, overflow) = (kernel - 1).multipliedReportingOverflow(by: dilations?[index] ?? 1)
      let (padding, wide) = begin(index).addingReportingOverflow(end(index, of: rank))
      return !overflow && !wide && extent == padding
    }
  }

  func kernelSizes(_ weights: [Int?]?, rank: Int) throws(OperatorError) -> [Int?] {
    try check("kernel_shape", kernel?.count, rank)
    guard let weights else {
      guard let kernel else { throw .attribute("kernel_shape", "is missing") }
      return kernel
    }
    guard weights.count == rank else {
      throw .input(1, "the kernel has \(weights.count) spatial axes, the image \(rank)")
    }
    guard let kernel else { return weights }
    for (size, weight) in zip(kernel, weights) where weight != nil && weight != size {
      throw .attribute(
        "kernel_shape", "\(kernel) differs from the weights' \(weights.map { $0 ?? -1 })")
    }
    return kernel
  }

  /// Checks that each attribute has one value per spatial axis.
  func checkCounts(_ rank: Int) throws(OperatorError) {
    try check("strides", strides?.count, rank)
    try check("dilations", dilations?.count, rank)
    try check("pads", pads?.count, 2 * rank)
  }

  private func check(_ name: String, _ count: Int?, _ expected: Int) throws(OperatorError) {
    guard let count, count != expected else { return }
    throw .attribute(name, "expected \(expected) values, got \(count)")
  }

  func begin(_ index: Int) -> Int { pads?[index] ?? 0 }
  func end(_ index: Int, of rank: Int) -> Int { pads?[rank + index] ?? 0 }

  private func axis(
    _ index: Int, of rank: Int, input: Int, kernel: Int
  ) throws(OperatorError) -> WindowAxis {
    guard kernel > 0 else { throw .input(1, "the kernel has size 0 along spatial axis \(index)") }
    let stride = strides?[index] ?? 1
    var axis = WindowAxis(
      input: input, kernel: kernel, dilation: kernel == 1 ? 1 : dilations?[index] ?? 1)
    let extent = try axis.checkedExtent()
    switch autoPad {
    case .notSet:
      axis.padBegin = begin(index)
      axis.padEnd = end(index, of: rank)
    case .valid: break
    case .sameUpper, .sameLower:
      axis.output = input == 0 ? 0 : (input - 1) / stride + 1
      guard axis.output > 0 else { return axis }
      // Never negative: a stride beyond the kernel needs no padding.
      let missing = max((axis.output - 1) * stride + (extent - input), 0)
      axis.padBegin = autoPad == .sameUpper ? missing / 2 : missing - missing / 2
      axis.padEnd = missing - axis.padBegin
      axis.stride = axis.output > 1 ? stride : 1
      return axis
    }
    let (begun, overflow) = input.addingReportingOverflow(axis.padBegin)
    let (padded, wide) = begun.addingReportingOverflow(axis.padEnd)
    guard !overflow, !wide, padded <= WindowAxis.limit else {
      throw .attribute("pads", "the padded size of an input of \(input) overflows")
    }
    let room = padded - extent
    // Rounded down, also where the window is larger than the padded input.
    let steps = room >= 0 ? room / stride : -((stride - 1 - room) / stride)
    axis.output = steps + 1
    // With ceil_mode the last window may be partial, but must begin inside the input or the
    // padding before it.
    if ceilMode, room % stride != 0, steps * stride < begun - stride { axis.output += 1 }
    guard axis.output >= 0 else {
      throw .invalid(
        "the window extent \(extent) exceeds the padded input size \(padded) along spatial axis "
          + "\(index) by more than the stride \(stride)")
    }
    axis.stride = axis.output > 1 ? stride : 1
    return axis
  }
}

extension WindowAxis {
  /// Sizes up to this limit can be added without overflow.
  static let limit = Int.max / 8

  /// The extent of a kernel.
  func checkedExtent() throws(OperatorError) -> Int {
    let (span, overflow) = (kernel - 1).multipliedReportingOverflow(by: dilation)
    guard !overflow, span < Self.limit, input <= Self.limit else {
      throw .invalid(
        "kernel \(kernel) with dilation \(dilation) over an input of \(input) overflows")
    }
    return span + 1
  }
}

extension WindowAttributes {
  /// The windows along the axis of the steps of `[N, C, …]`; `nil` for windows that depend on the number
  /// of steps, and for an axis that has none.
  /// - Parameters:
  ///   - kernel: the spatial sizes of the weights; `nil` to use the attribute alone
  ///   - fill: the number that padding holds
  func steps(
    _ site: StepSite, kernel: [Int]? = nil, fill: Double = 0
  ) throws(OperatorError) -> StepWindow? {
    let sizes = site.sizes()
    guard let axis = site.axis().map({ $0 - 2 }), axis >= 0, site.onlyFirstHasSteps, !ceilMode
    else { return nil }
    let rank = sizes.count - 2
    guard let windows = try axes(Array(sizes.dropFirst(2)), kernel: kernel)[axis] else {
      return nil
    }
    let stride = strides?[axis] ?? 1
    var window = StepWindow(
      site.node, extent: windows.extent, stride: stride, before: windows.padBegin,
      after: windows.padEnd, fill: fill)
    switch autoPad {
    case .valid: return window
    case .notSet:
      guard window.before != 0 || window.after != 0, var pads else { return window }
      pads[axis] = 0
      pads[rank + axis] = 0
      window.node.attributes.removeAll { $0.name == "pads" }
      window.node.attributes.append(.ints("pads", pads))
      return window
    case .sameUpper, .sameLower:
      // With longer strides the padding depends on the number of steps.
      return stride == 1 && window.before == 0 && window.after == 0 ? window : nil
    }
  }
}
