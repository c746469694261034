import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Pools each region of an image `[N, C, H, W]` to `[C, output_height, output_width]`: every bin is
/// the mean, or the maximum, of points interpolated within it.
struct RoiAlign: WidenedOperator {
  static let schema = Schema(
    "RoiAlign", [10: .floats, 16: .floats, 22: [.floats, .bfloat16]], inputs: 3...3)
  let isMaximum: Bool
  let height: Int
  let width: Int
  /// The number of points along each axis of a bin; 0 for one point per element of the bin.
  let sampling: Int
  let scale: Float
  let isHalfPixel: Bool

  /// The largest number of points along an axis of a bin; its square is the limit for a region.
  private static let limit = 4096

  init(_ node: inout NodeReader) throws(OperatorError) {
    isMaximum = try node.choice("mode", default: "avg", among: ["avg", "max"]) == "max"
    height = try node.int("output_height", default: 1)
    width = try node.int("output_width", default: 1)
    sampling = try node.int("sampling_ratio", default: 0)
    scale = try node.float("spatial_scale", default: 1)
    let mode =
      node.version < 16
      ? "output_half_pixel"
      : try node.choice(
        "coordinate_transformation_mode", default: "half_pixel",
        among: ["half_pixel", "output_half_pixel"])
    isHalfPixel = mode == "half_pixel"
    guard height > 0, width > 0 else {
      throw .attribute("output_height", "expected at least 1 × 1 bins, got \(height) × \(width)")
    }
    guard sampling >= 0, sampling <= Self.limit else {
      throw .attribute("sampling_ratio", "expected 0 to \(Self.limit), got \(sampling)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    let image = try inputs.shape(0, rank: 4)
    _ = try inputs.tensor(1, sameTypeAs: 0)
    _ = try inputs.tensor(2, .int64)
    let rois = try inputs.shape(1, rank: 2)
    let indices = try inputs.shape(2, rank: 1)
    if let size = rois?[1].size, size != 4 {
      throw .input(1, "expected 4 coordinates per region, got \(size)")
    }
    if let m = rois?[0].size, let n = indices?[0].size, m != n {
      throw .input(2, "expected \(m) image indices, one per region, got \(n)")
    }
    return [
      .tensor(
        type,
        [
          indices?[0] ?? rois?[0] ?? .unknown, image?[1] ?? .unknown, .size(height), .size(width),
        ])
    ]
  }

  func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let regions = try call.inputSizes(1)[0]
    let result = try call.count([regions, sizes[1], height, width])
    let plane = try call.count(sizes.dropFirst(2))
    guard result > 0 else { return .compute { _ in } }
    guard plane > 0 else { throw .input(0, "cannot pool an empty image") }
    let this = self
    let tile: Buffers.Tile = { buffers, region, _ in
      let rois = buffers.input(1, as: T.self)
      let image = Int(buffers.input(2, as: Int64.self)[region])
      let x = buffers.input(0, as: T.self) + image * sizes[1] * plane
      let y = buffers.output(0, as: T.self) + region * sizes[1] * this.height * this.width
      let rows = this.axis(rois, region, 1, this.height, sizes[2])
      let columns = this.axis(rois, region, 0, this.width, sizes[3])
      for channel in 0..<sizes[1] {
        let x = x + channel * plane
        for bin in 0..<this.height * this.width {
          let value = this.pool(
            x, rows, columns, bin / this.width, bin % this.width, width: sizes[3])
          y[channel * this.height * this.width + bin] = T(compute: value)
        }
      }
    }
    return .compute { buffers throws(OperatorError) in
      let indices = buffers.input(2, as: Int64.self)
      let rois = buffers.input(1, as: T.self)
      for region in 0..<regions {
        guard let image = Int(exactly: indices[region]), image >= 0, image < sizes[0] else {
          throw .input(2, "image index \(indices[region]) is out of range for \(sizes[0]) images")
        }
        let columns = this.axis(rois, region, 0, this.width, sizes[3]).points
        let rows = this.axis(rois, region, 1, this.height, sizes[2]).points
        guard columns <= Self.limit, rows <= Self.limit,
          columns * rows <= Self.limit * Self.limit / (this.width * this.height)
        else {
          throw .input(1, "region \(region) has too many sampling points; set sampling_ratio")
        }
      }
      buffers.parallel(regions, tile)
    }
  }

  /// The bins of a region along one axis.
  private struct Axis<C: Real & BinaryFloatingPoint> {
    let start: C
    let bin: C
    let points: Int
    let size: Int

    /// The elements next to a point, and the weight of the second; `nil` for a point outside.
    @inline(__always) func neighbours(_ index: Int, _ point: Int) -> (low: Int, high: Int, C)? {
      let place = start + C(index) * bin + (C(point) + C(1) / 2) * bin / C(points)
      guard place >= -1, place <= C(size) else { return nil }
      let inside = max(place, 0)
      let low = Int(inside)
      return low >= size - 1 ? (size - 1, size - 1, 0) : (low, low + 1, inside - C(low))
    }
  }

  private func axis<T: RealElement>(
    _ rois: UnsafePointer<T>, _ region: Int, _ first: Int, _ bins: Int, _ size: Int
  ) -> Axis<T.Compute> {
    let offset: T.Compute = isHalfPixel ? 0.5 : 0
    let factor = T.Compute(scale)
    let start = rois[region * 4 + first].compute * factor - offset
    var extent = rois[region * 4 + first + 2].compute * factor - offset - start
    if !isHalfPixel { extent = max(extent, 1) }
    let needed = (extent / T.Compute(bins)).rounded(.up)
    let points =
      sampling > 0 ? sampling : needed > 0 ? Int(min(needed, T.Compute(Self.limit + 1))) : 0
    return Axis(start: start, bin: extent / T.Compute(bins), points: points, size: size)
  }

  private func pool<T: RealElement>(
    _ x: UnsafePointer<T>, _ rows: Axis<T.Compute>, _ columns: Axis<T.Compute>, _ row: Int,
    _ column: Int, width: Int
  ) -> T.Compute {
    var result: T.Compute = 0
    var isFirst = true
    for iy in 0..<rows.points {
      let vertical = rows.neighbours(row, iy)
      for ix in 0..<columns.points {
        var values: (T.Compute, T.Compute, T.Compute, T.Compute) = (0, 0, 0, 0)
        if let (top, bottom, v) = vertical, let (left, right, h) = columns.neighbours(column, ix) {
          values = (
            (1 - v) * (1 - h) * x[top * width + left].compute,
            (1 - v) * h * x[top * width + right].compute,
            v * (1 - h) * x[bottom * width + left].compute,
            v * h * x[bottom * width + right].compute
          )
        }
        if isMaximum {
          // The maximum of the four products, as in the standard's test data.
          let most = max(max(values.0, values.1), max(values.2, values.3))
          result = isFirst ? most : max(result, most)
          isFirst = false
        } else {
          result += values.0 + values.1 + values.2 + values.3
        }
      }
    }
    return isMaximum ? result : result / T.Compute(max(rows.points * columns.points, 1))
  }
}

extension RoiAlign {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        16,
        up: { change throws(OperatorError) in
          change.set(.string("coordinate_transformation_mode", "output_half_pixel"))
        },
        down: { change throws(OperatorError) in
          let mode = try change.string("coordinate_transformation_mode") ?? "half_pixel"
          guard mode == "output_half_pixel" else {
            throw .attribute(
              "coordinate_transformation_mode", "the target version only supports output_half_pixel"
            )
          }
          change.drop("coordinate_transformation_mode")
        })
    ]
  }
}

extension RoiAlign {
  static func exactInputs(_ node: Node) -> [Int] { [1] }
}
