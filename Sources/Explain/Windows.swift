/// The windows of a convolution or pool along one axis.
public struct WindowAxis: Sendable, Hashable {
  /// The size of the input.
  public let input: Int
  /// The size of the output.
  public let output: Int
  /// The number of elements of a window.
  public let kernel: Int
  /// The distance between windows, or, transposed, between the inputs' places in the output.
  public let stride: Int
  /// The distance between the elements of a window.
  public let dilation: Int
  /// The cells added before the input.
  public let before: Int
  /// The cells added after the input.
  public let after: Int
  /// Whether the number of windows is rounded up.
  public let roundsUp: Bool
  /// Whether the layer is a transposed convolution.
  public let isTransposed: Bool

  /// The size of the output by its formula, with numbers: for an input `n`, padding `p`, dilation `d`,
  /// kernel `k` and stride `s`, `⌊(n + 2p − d(k − 1) − 1)/s⌋ + 1`; transposed,
  /// `(n − 1)s − 2p + d(k − 1) + 1`.
  public var formula: String {
    let extent = "\(dilation)·(\(kernel) − 1)"
    let sign = isTransposed ? "−" : "+"
    let padding = before == after ? " \(sign) 2·\(before)" : " \(sign) \(before) \(sign) \(after)"
    if isTransposed {
      let rest = output - (input - 1) * stride + before + after - dilation * (kernel - 1) - 1
      let addition = rest == 0 ? "" : " + \(rest)"
      return "(\(input) − 1)·\(stride)\(padding) + \(extent) + 1\(addition) = \(output)"
    }
    let (left, right) = roundsUp ? ("⌈", "⌉") : ("⌊", "⌋")
    return "\(left)(\(input)\(padding) − \(extent) − 1)/\(stride)\(right) + 1 = \(output)"
  }

  /// The cells of the input by the number of windows that they are in: at least one, exactly one.
  /// `nil` for an axis of more than 100,000 cells or windows.
  fileprivate var coverage: (covered: Int, once: Int)? {
    guard !isTransposed, max(input, output, kernel) <= 100_000, output * kernel <= 10_000_000 else {
      return nil
    }
    var counts = [UInt8](repeating: 0, count: input)
    for window in 0..<output {
      for element in 0..<kernel {
        let cell = window * stride + element * dilation - before
        if counts.indices.contains(cell), counts[cell] < 2 { counts[cell] += 1 }
      }
    }
    return (counts.count { $0 > 0 }, counts.count { $0 == 1 })
  }
}

extension [WindowAxis] {
  /// The share of the input's cells that are in more than one window.
  public var sharedCells: Double? {
    var (covered, once, all) = (1.0, 1.0, 1.0)
    for axis in self {
      guard let counts = axis.coverage else { return nil }
      covered *= Double(counts.covered)
      once *= Double(counts.once)
      all *= Double(axis.input)
    }
    return all > 0 ? (covered - once) / all : nil
  }
}

/// The cells of a model's input that a value depends on along one axis, if borders are ignored
/// (Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", 2019).
public struct ReceptiveAxis: Sendable, Hashable {
  /// The number of cells, counted from the first to the last.
  public let size: Double
  /// The distance between the cells of neighbouring elements.
  public let jump: Double
  /// The centre of the cells of the first element. The input's first cell has the centre 0.
  public let center: Double

  /// The cells of a value.
  package init(size: Double, jump: Double, center: Double) {
    self.size = size
    self.jump = jump
    self.center = center
  }

  static let input = ReceptiveAxis(size: 1, jump: 1, center: 0)

  /// The cells of a layer's output, if these are its input's.
  func after(_ axis: WindowAxis) -> ReceptiveAxis {
    let reach = Double((axis.kernel - 1) * axis.dilation)
    let (before, stride) = (Double(axis.before), Double(axis.stride))
    guard axis.isTransposed else {
      return ReceptiveAxis(
        size: size + reach * jump, jump: jump * stride,
        center: center + (reach / 2 - before) * jump)
    }
    return ReceptiveAxis(
      size: size + (reach / stride).rounded(.down) * jump, jump: jump / stride,
      center: center + (before - reach / 2) / stride * jump)
  }

  /// The smallest range of cells that contains both, with the larger jump.
  func union(_ other: ReceptiveAxis) -> ReceptiveAxis {
    let low = min(center - (size - 1) / 2, other.center - (other.size - 1) / 2)
    let high = max(center + (size - 1) / 2, other.center + (other.size - 1) / 2)
    return ReceptiveAxis(
      size: high - low + 1, jump: max(jump, other.jump), center: (low + high) / 2)
  }
}
