import ComplexModule
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Samples the input `[N, C, …]` at the coordinates in a grid `[N, …, axes]`, which are from −1 to
/// 1 along each axis of an image, last axis first.
struct GridSample: Operator {
  static let schema = Schema(
    "GridSample", [16: .classic, 20: .classic, 22: [.classic, .bfloat16]], inputs: 2...2)
  let sampler: GridSampler

  init(_ node: inout NodeReader) throws(OperatorError) {
    let isOld = node.version < 20
    let names =
      isOld ? ["bilinear", "nearest", "bicubic"] : ["linear", "nearest", "cubic"]
    let mode = try node.choice("mode", default: names[0], among: names)
    let padding = try node.choice(
      "padding_mode", default: "zeros", among: ["zeros", "border", "reflection"])
    sampler = GridSampler(
      mode: mode == names[0] ? .linear : mode == names[1] ? .nearest : .cubic,
      padding: GridSampler.Padding(rawValue: padding) ?? .zeros,
      alignsCorners: try node.flag("align_corners"))
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    let grid = try inputs.tensor(1, [.floats, .bfloat16])
    guard let rank = input.shape?.rank ?? grid.shape?.rank else {
      return [.tensor(input.elementType, nil)]
    }
    guard rank >= 3 else { throw .input(0, "expected rank 3 or higher, got rank \(rank)") }
    var result = Shape(rank: rank)
    if let shape = input.shape { (result[0], result[1]) = (shape[0], shape[1]) }
    if let shape = grid.shape {
      guard shape.rank == rank else {
        throw .input(1, "expected rank \(rank), got shape \(shape)")
      }
      if let axes = shape[rank - 1].size, axes != rank - 2 {
        throw .input(1, "expected \(rank - 2) coordinates per element, got \(axes)")
      }
      if let m = result[0].size, let n = shape[0].size, m != n {
        throw .input(1, "expected batch size \(m), the batch size of input 0, got \(n)")
      }
      for axis in 2..<rank { result[axis] = shape[axis - 1] }
    }
    return [.tensor(input.elementType, result)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: return try kernel(call, Float.self)
    case .float64: return try kernel(call, Double.self)
    case .float16, .bfloat16: return try call.widened(prepare)
    case .int8: return try kernel(call, Int8.self)
    case .int16: return try kernel(call, Int16.self)
    case .int32: return try kernel(call, Int32.self)
    case .int64: return try kernel(call, Int64.self)
    case .uint8: return try kernel(call, UInt8.self)
    case .uint16: return try kernel(call, UInt16.self)
    case .uint32: return try kernel(call, UInt32.self)
    case .uint64: return try kernel(call, UInt64.self)
    case .bool: return try kernel(call, Bool.self)
    case .complex64: return try kernel(call, Complex<Float>.self)
    case .complex128: return try kernel(call, Complex<Double>.self)
    case .string where sampler.mode == .nearest: return try kernel(call, String.self)
    case let type: throw .input(0, "element type \(type) cannot be interpolated")
    }
  }

  private func kernel<T: SampledElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    try kernel(call) { buffers, images, results, taps in
      let (x, y) = (buffers.input(0, as: T.self), buffers.output(0, as: T.self))
      for (image, result) in zip(images, results) { y[result] = T.sample(x + image, taps) }
    }
  }

  /// Samples channels at one point of the grid. `images` has the offset of each channel of the input,
  /// `results` the index of its element in the output.
  private typealias Sample =
    @Sendable (
      _ buffers: Buffers, _ images: StrideTo<Int>, _ results: StrideTo<Int>,
      _ taps: UnsafeMutableBufferPointer<GridSampler.Tap>
    ) -> Void

  private func kernel(
    _ call: Preparation, _ sample: @escaping Sample
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let axes = sizes.count - 2
    guard axes <= 3 else {
      throw .unsupported("GridSample over \(axes) spatial axes; 1 to 3 are supported")
    }
    let places = try call.count(try call.outputSizes(0).dropFirst(2))
    let image = try call.count(sizes.dropFirst(2))
    guard try call.count(try call.outputSizes(0)) > 0 else { return .compute { _ in } }
    guard image > 0 else { throw .input(0, "cannot sample an empty image") }
    let grid = try RealRows<Double>(try call.elementType(1))
    let sampler = sampler
    let tiles = Tiles(places, cost: .work(sizes[1], 16))
    let spatial = Array(sizes.dropFirst(2))
    let tile: Buffers.Tile = { buffers, task, _ in
      let n = task / tiles.count
      withUnsafeTemporaryAllocation(of: GridSampler.Tap.self, capacity: 64) { taps in
        withUnsafeTemporaryAllocation(of: Double.self, capacity: 3) { room in
          guard let room = room.baseAddress else { return }
          for place in tiles[task % tiles.count] {
            let coordinates = grid.read(
              buffers.bytes(input: 1), at: (n * places + place) * axes, axes, room: room)
            let count = sampler.taps(at: coordinates, spatial, taps)
            let (first, end) = (n * sizes[1], (n + 1) * sizes[1])
            sample(
              buffers, stride(from: first * image, to: end * image, by: image),
              stride(from: first * places + place, to: end * places + place, by: places),
              UnsafeMutableBufferPointer(rebasing: taps[..<count]))
          }
        }
      }
    }
    return .compute { buffers in buffers.parallel(sizes[0] * tiles.count, tile) }
  }
}

/// An element type that a grid can sample.
protocol SampledElement: Element {
  /// The weighted sum of some elements.
  static func sample(
    _ x: UnsafePointer<Self>, _ taps: UnsafeMutableBufferPointer<GridSampler.Tap>
  ) -> Self
}

extension ResampledElement {
  @inline(__always) static func sample(
    _ x: UnsafePointer<Self>, _ taps: UnsafeMutableBufferPointer<GridSampler.Tap>
  ) -> Self {
    var sum = 0.0
    for tap in taps where tap.place >= 0 {
      sum += tap.weight * x[tap.place].resampled(as: Double.self)
    }
    return Self(resampled: sum)
  }
}

extension Complex: SampledElement where RealType: ComplexPart & BinaryFloatingPoint {
  static func sample(
    _ x: UnsafePointer<Self>, _ taps: UnsafeMutableBufferPointer<GridSampler.Tap>
  ) -> Self {
    var sum = Self.zero
    for tap in taps where tap.place >= 0 {
      sum += x[tap.place].multiplied(by: RealType(tap.weight))
    }
    return sum
  }
}

extension String: SampledElement {
  /// The nearest element; the empty string outside the image.
  static func sample(
    _ x: UnsafePointer<Self>, _ taps: UnsafeMutableBufferPointer<GridSampler.Tap>
  ) -> Self { taps[0].place < 0 ? "" : x[taps[0].place] }
}

/// Finds the elements around a point of an image, and their weights.
struct GridSampler: Sendable {
  enum Padding: String { case zeros, border, reflection }

  /// An element and its weight.
  struct Tap {
    /// The index of the element; −1 for zero padding.
    var place: Int
    var weight: Double
  }

  let mode: Resampling.Mode
  let padding: Padding
  let alignsCorners: Bool

  /// Writes the taps for one point of the grid.
  ///
  /// - Parameters:
  ///   - coordinates: −1…1, last axis first
  ///   - taps: memory for 64 taps
  /// - Returns: The number of taps.
  func taps(
    at coordinates: UnsafePointer<Double>, _ sizes: [Int],
    _ taps: UnsafeMutableBufferPointer<Tap>
  ) -> Int {
    taps[0] = Tap(place: 0, weight: 1)
    var count = 1
    for (axis, size) in sizes.enumerated() {
      let x = adjusted(coordinates[sizes.count - 1 - axis], size)
      let first: Double
      let width: Int
      switch mode {
      case .nearest: (first, width) = (x.rounded(.toNearestOrEven), 1)
      case .linear: (first, width) = (x.rounded(.down), 2)
      case .cubic: (first, width) = (x.rounded(.down) - 1, 4)
      }
      // Backwards, so that no tap is overwritten before it is read.
      var next = count * width
      for index in (0..<count).reversed() {
        let old = taps[index]
        for step in (0..<width).reversed() {
          next -= 1
          let place = first + Double(step)
          if old.place >= 0, let inside = self.place(place, size) {
            taps[next] = Tap(
              place: old.place * size + inside, weight: old.weight * weight(x - place))
          } else {
            taps[next] = Tap(place: -1, weight: 0)
          }
        }
      }
      count *= width
    }
    return count
  }

  /// The weight of an element at a distance.
  private func weight(_ distance: Double) -> Double {
    let x = abs(distance)
    switch mode {
    case .nearest: return 1
    case .linear: return max(1 - x, 0)
    case .cubic:
      let a = -0.75
      if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
      return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    }
  }

  /// The coordinate in elements along an axis, within the axis unless padding is zeros.
  private func adjusted(_ coordinate: Double, _ size: Int) -> Double {
    let n = Float(coordinate)
    let length = Float(size)
    var x = Double(alignsCorners ? (n + 1) / 2 * (length - 1) : ((n + 1) * length - 1) / 2)
    // Cubic interpolation reads elements on both sides of the border, so `place` adjusts each.
    if mode == .cubic { return x }
    if mode == .nearest { x = x.rounded(.toNearestOrEven) }
    switch padding {
    case .zeros: return x
    case .border: return x > 0 ? min(x, Double(size - 1)) : 0
    case .reflection: return reflected(x, size)
    }
  }

  private func reflected(_ x: Double, _ size: Int) -> Double {
    let low = alignsCorners ? 0 : -0.5
    let high = Double(size) - (alignsCorners ? 1 : 0.5)
    let range = high - low
    guard range > 0, x.isFinite else { return 0 }
    guard x < low || x > high else { return x }
    let beyond = x < low ? low - x : x - high
    let turns = (beyond / range).rounded(.down)
    let rest = beyond - turns * range
    let isEven = turns.truncatingRemainder(dividingBy: 2) == 0
    return (x < low) == isEven ? low + rest : high - rest
  }

  /// The index of the element at an integral coordinate; `nil` if it is zero padding.
  private func place(_ x: Double, _ size: Int) -> Int? {
    let last = Double(size - 1)
    if x >= 0 && x <= last { return Int(x) }
    switch padding {
    case .zeros: return nil
    case .border: return x > 0 ? size - 1 : 0
    case .reflection: return Int(max(0, min(reflected(x, size), last)))
    }
  }
}

extension GridSample {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        20,
        up: { change throws(OperatorError) in
          let names = ["bilinear": "linear", "bicubic": "cubic"]
          guard let mode = try change.string("mode"), let name = names[mode] else { return }
          change.set(.string("mode", name))
        },
        down: { change throws(OperatorError) in
          guard try change.rank(0) == 4 else {
            throw .input(0, "the target version only supports images of rank 4")
          }
          let names = ["linear": "bilinear", "cubic": "bicubic"]
          guard let mode = try change.string("mode"), let name = names[mode] else { return }
          change.set(.string("mode", name))
        })
    ]
  }
}

extension GridSample {
  static func exactInputs(_ node: Node) -> [Int] { [1] }
}
