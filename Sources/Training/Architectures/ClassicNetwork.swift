import ONNXFormat
import ONNXInterpreter

/// A network of the ImageNet challenge. Its layers, and in torchvision's form also the names of its
/// parameters, are those of the original at 3 channels, 224 × 224 pixels and 1000 classes.
///
/// Pictures of fewer than 64 pixels along a side would be too small after the first layers. For them,
/// a first convolution with a stride becomes one of 3 × 3 with stride 1, and the pool after it is left
/// out, as He, Zhang, Ren and Sun (2015) do for CIFAR-10. At any size, a later pool is left out if its
/// window is larger than its input.
package protocol ClassicNetwork: PictureClassifier {
  /// The factor of all numbers of filters and units. The network rounds it so that all of its layers
  /// are scaled alike.
  var scale: Double { get set }
  /// The filters of the first convolution at scale 1.
  var stemFilters: Int { get }
}

extension ClassicNetwork {
  /// Whether the picture is so small that the first layers must not shrink it.
  package var isSmall: Bool { min(height, width) < 64 }

  /// `count` times the scale, as a multiple of `divisor`, and at least that.
  func scaled(_ count: Int, divisor: Int = 1) -> Int {
    let parts = Double(count / divisor) * scale
    return divisor * max(1, Int(min(max(parts.rounded(), 0), 1e6)))
  }

  /// The first convolution.
  func stem(
    _ filters: Int, _ kernel: Int, stride: Int, padding: Int, hasBias: Bool = true
  ) -> Conv2D {
    isSmall
      ? Self.convolution(filters, 3, padding: 1, hasBias: hasBias)
      : Self.convolution(filters, kernel, stride: stride, padding: padding, hasBias: hasBias)
  }

  /// The pool after the first convolution.
  func stemPool(_ pool: FittingMaxPool) -> any Layer { isSmall ? Sequential([]) : pool }

  static func convolution(
    _ filters: Int, _ kernel: Int, stride: Int = 1, padding: Int = 0, groups: Int = 1,
    hasBias: Bool = true
  ) -> Conv2D {
    Conv2D(
      filters, .all(kernel), stride: .all(stride), padding: .both(.all(padding)), groups: groups,
      hasBias: hasBias, weight: .heUniform, bias: .zeros)
  }

  /// A fully connected layer before a ReLU.
  static func dense(_ units: Int) -> Dense { Dense(units, weight: .heUniform, bias: .zeros) }
}

/// Max pooling with square windows. It passes on an input that is smaller than its window.
struct FittingMaxPool: Layer {
  let kernel: Int
  let stride: Int
  let padding: Int
  let roundsUp: Bool

  init(_ kernel: Int, stride: Int, padding: Int = 0, roundsUp: Bool = false) {
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.roundsUp = roundsUp
  }

  func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    let side = min(try x.size(2, for: "MaxPool2D"), try x.size(3, for: "MaxPool2D"))
    guard side + 2 * padding >= kernel else { return x }
    return try MaxPool2D(
      .all(kernel), stride: .all(stride), padding: .both(.all(padding)), roundsUp: roundsUp)(
        x, in: m)
  }
}
