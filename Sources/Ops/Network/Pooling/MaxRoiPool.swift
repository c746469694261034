import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Divides each region `[image, x1, y1, x2, y2]` of `[N, C, H, W]` into bins and computes the
/// largest element of each bin; 0 for an empty bin.
struct MaxRoiPool: WidenedOperator {
  static let schema = Schema(
    "MaxRoiPool", [1: .floats, 22: [.floats, .bfloat16]], inputs: 2...2)
  let height: Int
  let width: Int
  let scale: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    let shape = try node.ints("pooled_shape")
    guard shape.count == 2, shape[0] > 0, shape[1] > 0 else {
      throw .attribute("pooled_shape", "expected height and width, got \(shape)")
    }
    (height, width) = (shape[0], shape[1])
    scale = try node.float("spatial_scale", default: 1)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    let image = try inputs.shape(0, rank: 4)
    _ = try inputs.tensor(1, sameTypeAs: 0)
    let rois = try inputs.shape(1, rank: 2)
    if let size = rois?[1].size, size != 5 {
      throw .input(1, "expected 5 elements per region, got \(size)")
    }
    return [
      .tensor(
        type, [rois?[0] ?? .unknown, image?[1] ?? .unknown, .size(height), .size(width)])
    ]
  }

  func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let regions = try call.inputSizes(1)[0]
    guard try call.count([regions, sizes[1], height, width]) > 0 else { return .compute { _ in } }
    let plane = try call.count(sizes.dropFirst(2))
    let this = self
    let tile: Buffers.Tile = { buffers, region, _ in
      let roi = buffers.input(1, as: T.self) + region * 5
      let x = buffers.input(0, as: T.self) + Int(roi[0].compute) * sizes[1] * plane
      let y = buffers.output(0, as: T.self) + region * sizes[1] * this.height * this.width
      for bin in 0..<this.height * this.width {
        let rows = this.range(roi[2], roi[4], bin / this.width, this.height, sizes[2])
        let columns = this.range(roi[1], roi[3], bin % this.width, this.width, sizes[3])
        for channel in 0..<sizes[1] {
          var best = T.least
          for row in rows {
            for column in columns {
              let value = x[channel * plane + row * sizes[3] + column]
              if value.exceeds(best) { best = value }
            }
          }
          y[channel * this.height * this.width + bin] =
            rows.isEmpty || columns.isEmpty ? T(compute: 0) : best
        }
      }
    }
    return .compute { buffers throws(OperatorError) in
      let rois = buffers.input(1, as: T.self)
      for region in 0..<regions {
        let image = rois[region * 5].compute
        guard image >= 0, image < T.Compute(sizes[0]) else {
          throw .input(1, "image index \(image) is out of range for \(sizes[0]) images")
        }
      }
      buffers.parallel(regions, tile)
    }
  }

  /// The elements of bin `index` along an axis.
  private func range<T: RealElement>(
    _ first: T, _ last: T, _ index: Int, _ bins: Int, _ size: Int
  ) -> Range<Int> {
    let start = (first.compute * T.Compute(scale)).rounded()
    let end = (last.compute * T.Compute(scale)).rounded()
    let bin = max(end - start + 1, 1) / T.Compute(bins)
    let limit = T.Compute(size)
    func place(_ x: T.Compute) -> Int { x > 0 ? Int(min(x, limit)) : 0 }
    let low = place(start + (T.Compute(index) * bin).rounded(.down))
    return low..<max(low, place(start + (T.Compute(index + 1) * bin).rounded(.up)))
  }
}

extension MaxRoiPool {
  static func exactInputs(_ node: Node) -> [Int] { [1] }
}
