import Glibc
import ONNXOperators
import ONNXProducts

/// The rule by which `Resize` and `Upsample` compute an element of the result from the input.
struct Resampling: Sendable {
  enum Mode: String { case nearest, linear, cubic }
  enum Coordinates: String, CaseIterable {
    case halfPixel = "half_pixel"
    /// Since version 19.
    case halfPixelSymmetric = "half_pixel_symmetric"
    /// In version 11 only.
    case halfPixelForNearest = "tf_half_pixel_for_nn"
    case pytorchHalfPixel = "pytorch_half_pixel"
    case alignCorners = "align_corners"
    case asymmetric
    case cropAndResize = "tf_crop_and_resize"
  }
  enum Rounding: String, CaseIterable {
    case preferFloor = "round_prefer_floor"
    case preferCeil = "round_prefer_ceil"
    case floor
    case ceil
    /// Down if the axis grows, up if it shrinks: `Resize` of version 10.
    case outward
  }

  var mode = Mode.nearest
  var coordinates = Coordinates.asymmetric
  var rounding = Rounding.floor
  var cubicCoefficient = -0.75
  var excludesOutside = false
  var extrapolation = 0.0
  var isAntialiased = false

  /// One axis: sizes, scale, and the start and end of a crop as fractions of the input size.
  struct Axis: Sendable, Equatable {
    var input: Int
    var output: Int
    var scale: Double
    var start = 0.0
    var end = 1.0

    /// The axis of real and imaginary parts, which is not resampled.
    static let complexParts = Axis(input: 2, output: 2, scale: 1)
  }

  /// Whether the axis is not resampled.
  func isIdentity(_ axis: Axis) -> Bool {
    axis.input == axis.output && abs(axis.scale - 1) < 1e-9
      && (coordinates != .cropAndResize || (abs(axis.start) < 1e-9 && abs(axis.end - 1) < 1e-9))
  }

  /// The input coordinate of element `index` of the result, computed in float32, the type of the
  /// scales, so that coordinates that should be integers are.
  ///
  /// For `align_corners`, the standard's text divides by the rounded size, its tests by the size
  /// before rounding. This follows the tests.
  func coordinate(_ index: Int, _ axis: Axis) -> Double {
    let x = Float(index)
    let scale = Float(axis.scale)
    let last = Float(axis.input) - 1
    let width = scale * Float(axis.input)
    switch coordinates {
    case .alignCorners: return Double(width == 1 ? 0 : x * last / (width - 1))
    case .asymmetric: return Double(x / scale)
    case .halfPixelForNearest: return Double((x + 0.5) / scale)
    case .halfPixel: return Double((x + 0.5) / scale - 0.5)
    case .pytorchHalfPixel: return Double(axis.output == 1 ? 0 : (x + 0.5) / scale - 0.5)
    case .halfPixelSymmetric:
      let offset = Float(axis.input) / 2 * (1 - Float(axis.output) / width)
      return Double(offset + (x + 0.5) / scale - 0.5)
    case .cropAndResize:
      let (start, end) = (Float(axis.start), Float(axis.end))
      let extent = (end - start) * last
      return Double(start * last + (width == 1 ? extent / 2 : x * extent / (width - 1)))
    }
  }

  /// Whether a crop extends outside the input at this coordinate.
  func isOutside(_ coordinate: Double, _ axis: Axis) -> Bool {
    coordinates == .cropAndResize
      && !(coordinate >= 0 && coordinate <= Double(axis.input) - 1)
  }

  /// The index of the element nearest to a coordinate.
  func nearest(_ coordinate: Double, _ axis: Axis) -> Int {
    let floor = coordinate.rounded(.down)
    let rest = coordinate - floor
    let isUp: Bool
    switch rounding {
    case .preferFloor: isUp = rest > 0.5
    case .preferCeil: isUp = rest >= 0.5
    case .floor: isUp = false
    case .ceil: isUp = rest > 0
    case .outward: isUp = rest > 0 && axis.scale < 1
    }
    return clamped(floor + (isUp ? 1 : 0), axis)
  }

  private func clamped(_ place: Double, _ axis: Axis) -> Int {
    // NaN maps to the first element.
    place > 0 ? Int(min(place, Double(axis.input - 1))) : 0
  }

  /// The number of input elements per interpolated element of the result.
  func taps(_ axis: Axis) -> Int {
    let reach = mode == .cubic ? 2.0 : 1.0
    guard isAntialiased, axis.scale < 1 else { return 2 * Int(reach) }
    let first = (-reach / axis.scale).rounded(.down) + 1
    // More than four times the input size adds no elements.
    return 2 - 2 * Int(max(first, -4 * Double(axis.input) - 4))
  }

  /// Writes the indices of the elements for one element of the result, and their weights of sum 1.
  ///
  /// - Parameters: memory for `taps` indices and weights
  func weigh(
    _ coordinate: Double, _ axis: Axis, _ places: UnsafeMutablePointer<Int>,
    _ weights: UnsafeMutablePointer<Double>
  ) {
    let taps = taps(axis)
    let floor = coordinate.rounded(.down)
    // The left element is preferred, so its distance is in (0, 1].
    let rest = coordinate == floor ? 1 : coordinate - floor
    let left = coordinate == floor ? floor - 1 : floor
    let scale = isAntialiased ? min(axis.scale, 1) : 1
    let first = 1 - taps / 2
    var sum = 0.0
    for tap in 0..<taps {
      let place = left + Double(first + tap)
      let isOutside = place < 0 || place > Double(axis.input - 1)
      places[tap] = clamped(place, axis)
      weights[tap] =
        excludesOutside && isOutside ? 0 : weight((Double(first + tap) - rest) * scale)
      sum += weights[tap]
    }
    guard sum != 0, excludesOutside || isAntialiased else { return }
    for tap in 0..<taps { weights[tap] /= sum }
  }

  /// The weight of an element at a distance.
  private func weight(_ distance: Double) -> Double {
    let x = abs(distance)
    if mode == .linear { return max(1 - x, 0) }
    let a = cubicCoefficient
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
  }
}

extension Resampling.Axis {
  /// Scales the axis.
  ///
  /// - Parameter index: the input index of the scale, for errors
  mutating func apply(scale: Double, input index: Int) throws(OperatorError) {
    let size = (Float(input) * Float(scale)).rounded(.down)
    guard scale > 0, let output = Int(exactly: size) else {
      throw .input(index, "scale \(scale) is invalid for an axis of size \(input)")
    }
    self.output = output
    self.scale = scale
  }
}
