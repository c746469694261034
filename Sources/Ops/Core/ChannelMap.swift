import ONNXFormat

/// An affine map of each channel: `y = factor · (x − center) + offset`.
public struct ChannelMap: Sendable, Hashable {
  /// The factor of each channel.
  public let factors: [Double]
  /// The center of each channel.
  public let centers: [Double]
  /// The offset of each channel.
  public let offsets: [Double]

  /// A map of as many channels as the lists have elements. `nil` for 0.
  /// - Precondition: all lists have the same length.
  public init(factors: [Double], centers: [Double]? = nil, offsets: [Double]? = nil) {
    self.factors = factors
    self.centers = centers ?? Array(repeating: 0, count: factors.count)
    self.offsets = offsets ?? Array(repeating: 0, count: factors.count)
  }

  /// The sum with one number for each channel.
  public init(adding offsets: [Double]) {
    self.init(factors: Array(repeating: 1, count: offsets.count), offsets: offsets)
  }

  /// A batch normalization with given statistics:
  /// `y = scale / √(variance + ε) · (x − mean) + bias`.
  ///
  /// - Parameters:
  ///   - mean: the mean of each channel
  ///   - variance: the variance of each channel
  ///   - scale: the scale of each channel; `nil` for 1
  ///   - bias: the offset of each channel; `nil` for 0
  ///   - epsilon: the number added to each variance
  /// - Returns: `nil` for lists of different lengths
  public init?(
    normalizingBy mean: [Double], variance: [Double], scale: [Double]?, bias: [Double]?,
    epsilon: Double
  ) {
    guard variance.count == mean.count, scale?.count ?? mean.count == mean.count,
      bias?.count ?? mean.count == mean.count
    else { return nil }
    let factors = variance.indices.map { index in
      (scale?[index] ?? 1) / (variance[index] + epsilon).squareRoot()
    }
    self.init(factors: factors, centers: mean, offsets: bias)
  }

  /// The same map with all centers 0: a product and a sum.
  public var expanded: ChannelMap {
    ChannelMap(
      factors: factors,
      offsets: zip(offsets, zip(centers, factors)).map { $0 - $1.0 * $1.1 })
  }

  /// The map applied to a list with one number for each channel, such as a bias.
  public func callAsFunction(_ values: [Double]) -> [Double] {
    values.indices.map { (values[$0] - centers[$0]) * factors[$0] + offsets[$0] }
  }
}

/// Constant inputs of a node, as lists with one number for each channel.
public struct ChannelConstants {
  /// The number of channels.
  public let count: Int
  private let vector: (Int) -> [Double]?
  private let operand: (Int) -> [Double]?

  /// - Parameters:
  ///   - vector: the contents of an input that holds one number for each channel
  ///   - operand: the numbers of an input that broadcasts along the channels, axis 1
  package init(
    count: Int, vector: @escaping (Int) -> [Double]?, operand: @escaping (Int) -> [Double]?
  ) {
    self.count = count
    self.vector = vector
    self.operand = operand
  }

  /// The contents of an input that holds one number for each channel, `[C]`; `nil` for any other.
  public func vector(_ input: Int) -> [Double]? {
    vector(input).flatMap { $0.count == count ? $0 : nil }
  }

  /// The number for each channel when an input is broadcast to `[N, C, …]`; `nil` for an input that
  /// differs within a channel.
  public func operand(_ input: Int) -> [Double]? { operand(input) }
}
