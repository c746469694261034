import ONNXFormat
import ONNXOperators

/// Parts of images `[N, C, H, W]`, resized to one size: `[R, C, height, width]` for R regions
/// `[y₁, x₁, y₂, x₂]` in units of the image less one pixel, each of the image with its batch index. The
/// last input is the size. Points outside the image have the value `extrapolation_value`.
struct CropAndResize: Operator {
  static let schema = Schema(
    "CropAndResize", domain: ContribOperators.domain, [1: .float32], inputs: 4...4)
  let isNearest: Bool
  let outside: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    isNearest =
      try node.choice("mode", default: "bilinear", among: ["bilinear", "nearest"]) == "nearest"
    outside = try node.float("extrapolation_value", default: 0)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.shape(0, rank: 4)
    _ = try inputs.tensor(1, sameTypeAs: 0)
    _ = try inputs.tensor(2, .int32)
    _ = try inputs.tensor(3, .int32)
    let regions = try inputs.shape(1, rank: 2)
    let indices = try inputs.shape(2, rank: 1)
    if let width = regions?[1].size, width != 4 {
      throw .input(1, "expected 4 numbers for each region, got \(width)")
    }
    let count = indices?[0] ?? .unknown
    if let m = regions?[0].size, let n = count.size, m != n {
      throw .input(2, "expected \(m) batch indices, got \(n)")
    }
    try inputs.require(3, [2])
    var size: [Dimension] = [.unknown, .unknown]
    if let given = try inputs.integers(3) {
      for (axis, value) in given.enumerated() {
        guard value > 0 else { throw .input(3, "expected a positive size, got \(value)") }
        size[axis] = Dimension(value)
      }
    }
    return [.tensor(.float32, Shape([count, x?[1] ?? .unknown] + size))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let x = try call.inputSizes(0)
    let y = try call.outputSizes(0)
    let (height, width) = (x[2], x[3])
    let plane = try call.count([height, width])
    let resized = try call.count([y[2], y[3]])
    let (isNearest, outside) = (isNearest, outside)
    let tile: Buffers.Tile = { buffers, region, _ in
      let box = buffers.input(1, as: Float.self) + region * 4
      let image = Int(buffers.input(2, as: Int32.self)[region])
      let source = buffers.input(0, as: Float.self) + image * x[1] * plane
      let target = buffers.output(0, as: Float.self) + region * x[1] * resized
      for row in 0..<y[2] {
        let atY = Self.place(row, of: y[2], from: box[0], to: box[2], size: height)
        for column in 0..<y[3] {
          let atX = Self.place(column, of: y[3], from: box[1], to: box[3], size: width)
          let pixel = row * y[3] + column
          guard atY >= 0, atX >= 0, atY <= Float(height - 1), atX <= Float(width - 1) else {
            for channel in 0..<x[1] { target[channel * resized + pixel] = outside }
            continue
          }
          if isNearest {
            let place =
              Int(atY.rounded(.toNearestOrAwayFromZero)) * width
              + Int(atX.rounded(.toNearestOrAwayFromZero))
            for channel in 0..<x[1] {
              target[channel * resized + pixel] = source[channel * plane + place]
            }
            continue
          }
          let (top, bottom) = (Int(atY.rounded(.down)), Int(atY.rounded(.up)))
          let (left, right) = (Int(atX.rounded(.down)), Int(atX.rounded(.up)))
          let (down, across) = (atY - Float(top), atX - Float(left))
          for channel in 0..<x[1] {
            let values = source + channel * plane
            let upper = values + top * width
            let lower = values + bottom * width
            let above = upper[left] + (upper[right] - upper[left]) * across
            let below = lower[left] + (lower[right] - lower[left]) * across
            target[channel * resized + pixel] = above + (below - above) * down
          }
        }
      }
    }
    return .compute { buffers throws(OperatorError) in
      let indices = buffers.input(2, as: Int32.self)
      for region in 0..<y[0] where indices[region] < 0 || Int(indices[region]) >= x[0] {
        throw .input(2, "batch index \(indices[region]) is out of range for \(x[0]) images")
      }
      buffers.parallel(y[0], tile)
    }
  }

  /// The place in the image of element `index` of `count`; the ends are exact.
  private static func place(
    _ index: Int, of count: Int, from start: Float, to end: Float, size: Int
  ) -> Float {
    let extent = Float(size - 1)
    if count == 1 { return Float(0.5 * Double(start + end) * Double(extent)) }
    if index == 0 { return start * extent }
    if index == count - 1 { return end * extent }
    return start * extent + Float(index) * ((end - start) * extent / Float(count - 1))
  }
}
