import CKernels
import ONNXFormat
import ONNXOperators

/// The mean over the last axes of 8-bit integers, quantised: the sum is a whole number, and the mean is
/// rounded to float32 once. The inputs are x, its scale and zero point, and those of the result.
///
/// The attribute `axis` is the first axis that is averaged over; all of them keep size 1 if `keepdims` is
/// 1.
struct ByteMean: Operator {
  static let schema = Schema(
    "ByteMean", domain: Registry.privateDomain, [1: [.int8, .uint8]], inputs: 5...5)
  private let axis: Int
  private let keepsAxes: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis")
    keepsAxes = try node.flag("keepdims")
    guard axis >= 0 else { throw .attribute("axis", "expected at least 0, got \(axis)") }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(0, [.int8, .uint8])
    _ = try inputs.tensor(2, sameTypeAs: 0)
    for index in [1, 3] { _ = try inputs.tensor(index, .float32) }
    let type = try inputs.tensor(4, [.int8, .uint8]).elementType
    for index in 1...4 {
      guard let count = try inputs.tensor(index).shape?.sizes?.elementCount, count != 1 else {
        continue
      }
      throw .input(index, "expected one element, got \(count)")
    }
    guard let shape = x.shape else { return [.tensor(type, nil)] }
    guard axis < shape.rank else {
      throw .input(0, "expected rank \(axis + 1) or higher, got shape \(shape)")
    }
    let ones = keepsAxes ? Array(repeating: Dimension.size(1), count: shape.rank - axis) : []
    return [.tensor(type, Shape(shape.dimensions.prefix(axis) + ones))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let means = sizes.prefix(axis).elementCount ?? 0
    let count = sizes.dropFirst(axis).elementCount ?? 0
    let (flip, resultFlip) = (try call.elementType(0).flip, try call.elementType(4).flip)
    let tiles = Tiles(means, cost: max(1, count / 16))
    let tile: Buffers.Tile = { buffers, task, _ in
      let x = buffers.input(0, as: UInt8.self)
      let y = buffers.output(0, as: UInt8.self)
      let scale = Double(buffers.input(1, as: Float.self)[0])
      let zero = Double(count) * Double(buffers.input(2, as: UInt8.self)[0] ^ flip)
      let code = ck_byte_code(
        scale: buffers.input(3, as: Float.self)[0],
        zero: Float(buffers.input(4, as: UInt8.self)[0] ^ resultFlip), flip: resultFlip)
      for place in tiles[task] {
        let sum = Double(ck_byte_sum(x + place * count, flip, count)) - zero
        var mean = Float(sum * scale / Double(count))
        ck_float_to_bytes(&mean, code, y + place, 1)
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

extension GlobalAveragePool {
  func quantized(_ site: QuantizedSite, _ builder: inout GraphBuilder) -> QuantizedOutcome? {
    guard let x = site.byteInput(0), let y = site.byteResult else { return nil }
    let inputs = [
      x.codes, x.scale, builder.zeroPoint(of: x), y.scale, builder.zeroPoint(of: y),
    ]
    return .codes(
      builder.privateNode(
        ByteMean.schema.name, inputs, [.int("axis", 2), .int("keepdims", 1)]))
  }
}
