import ONNXFormat
import ONNXOperators

/// `Gather` from a table that is quantised in blocks along `quantize_axis`, dequantised:
/// `y = (data − zero) · scale`.
///
/// The inputs are the data, the indices, the scales, which have the data's shape with one number for
/// each block, and optionally the zero points. uint8 data holds integers of 2, 4 or 8 bits, packed along
/// the last axis from the lowest bits of each byte on. Indices out of range give zeros.
///
/// Scales of floating-point data may have size 1 along other axes, and a block size of 0 means one block.
struct GatherBlockQuantized: Operator {
  static let schema = Schema(
    "GatherBlockQuantized", domain: ContribOperators.domain,
    [1: [.uint8, .int4s, .quantizedFloats]], inputs: 3...4)
  let gatherAxis: Int
  let quantizeAxis: Int
  let block: Int
  let bits: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    gatherAxis = try node.int("gather_axis", default: 0)
    quantizeAxis = try node.int("quantize_axis", default: 1)
    block = try node.int("block_size", default: 128)
    guard block == 0 || block >= 16 && block & (block - 1) == 0 else {
      throw .attribute("block_size", "expected a power of 2 from 16 on, got \(block)")
    }
    bits = try node.int("bits", default: 4)
    guard [2, 4, 8].contains(bits) else {
      throw .attribute("bits", "expected 2, 4 or 8, got \(bits)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let indices = try inputs.tensor(1, [.int32, .int64])
    let result = try inputs.tensor(2, [.float32, .float16, .bfloat16]).elementType
    if inputs.has(3) {
      _ = try inputs.tensor(3, sameTypeAs: 0)
      guard !data.elementType.isQuantizedFloat else {
        throw .input(3, "data of type \(data.elementType) has no zero point")
      }
    }
    if block == 0, !data.elementType.isQuantizedFloat {
      throw .attribute("block_size", "expected a power of 2 from 16 on for \(data.elementType)")
    }
    guard let shape = data.shape else { return [.tensor(result, nil)] }
    let gather = try normalized(axis: gatherAxis, rank: shape.rank)
    let quantize = try normalized(axis: quantizeAxis, rank: shape.rank)
    let each = data.elementType == .uint8 ? 8 / bits : 1
    if data.elementType == .uint8 {
      guard gather == 0, quantize == shape.rank - 1, gather != quantize else {
        throw .input(
          0,
          "uint8 data needs gather_axis 0 and the last axis as quantize_axis, "
            + "got \(gather) and \(quantize) of shape \(shape)")
      }
    }
    var elements = shape.dimensions
    if each > 1 { elements[shape.rank - 1] = elements[shape.rank - 1].times(each) }
    try checkScales(inputs, elements, quantize, each, isFloat: data.elementType.isQuantizedFloat)
    guard let places = indices.shape else { return [.tensor(result, nil)] }
    let output = elements[..<gather] + places.dimensions + elements[(gather + 1)...]
    return [.tensor(result, Shape(Array(output)))]
  }

  /// Checks the shapes of the scales and zero points of data with these dimensions.
  private func checkScales(
    _ inputs: Inputs, _ data: [Dimension], _ axis: Int, _ each: Int, isFloat: Bool
  ) throws(OperatorError) {
    guard let scales = try inputs.shape(2, rank: data.count) else { return }
    for (index, (size, scale)) in zip(data, scales).enumerated() {
      guard let size = size.size, let scale = scale.size else { continue }
      let expected = index == axis ? blocks(size) : size
      guard scale == expected || isFloat && index != axis && scale == 1 else {
        throw .input(
          2, "expected size \(expected) of axis \(index), one for each block, got \(scales)")
      }
    }
    guard inputs.has(3) else { return }
    var expected = scales.dimensions
    if each > 1, let size = expected[axis].size {
      expected[axis] = .size((size + each - 1) / each)
    } else if each > 1 {
      expected[axis] = .unknown
    }
    try inputs.require(3, Shape(expected))
  }

  /// The number of blocks of an axis.
  private func blocks(_ size: Int) -> Int {
    block == 0 ? 1 : size / block + (size % block == 0 ? 0 : 1)
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    if try call.elementType(2).isNarrowFloat { return try call.widened(prepare) }
    let type = try call.elementType(0)
    var sizes = try call.inputSizes(0)
    let each = type == .uint8 ? 8 / bits : 1
    if each > 1 { sizes[sizes.count - 1] = .work(sizes[sizes.count - 1], each) }
    let axis = try normalized(axis: gatherAxis, rank: sizes.count)
    let quantize = try normalized(axis: quantizeAxis, rank: sizes.count)
    let table = BlockTable(
      sizes: sizes, scales: try call.inputSizes(2), axis: quantize,
      block: block == 0 ? max(sizes[quantize], 1) : block,
      codes: PackedCodes(type, bits: type == .uint8 ? bits : 8), hasZeros: call.inputs.has(3))
    let split = AxisSplit(sizes, axis: axis)
    let places = try call.inputCount(1)
    let isLong = try call.elementType(1) == .int64
    let tiles = Tiles(
      try call.outputCount(0) == 0 ? 0 : .work(split.outer, places), cost: split.inner)
    let tile: Buffers.Tile = { buffers, task, _ in
      for row in tiles[task] {
        let (outer, place) = row.quotientAndRemainder(dividingBy: places)
        var index =
          isLong
          ? Int(buffers.input(1, as: Int64.self)[place])
          : Int(buffers.input(1, as: Int32.self)[place])
        if index < 0 { index &+= split.size }
        let target = buffers.output(0, as: Float.self) + row * split.inner
        if 0..<split.size ~= index {
          table.read((outer * split.size + index) * split.inner, split.inner, buffers, target)
        } else {
          target.update(repeating: 0, count: split.inner)
        }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

extension TypeSet {
  fileprivate static let quantizedFloats: TypeSet = [.float8s, TypeSet(.float4e2m1)]
}

extension ElementType {
  /// Whether it is a floating-point type of 4 or 8 bits.
  fileprivate var isQuantizedFloat: Bool {
    TypeSet.quantizedFloats.contains(self)
  }
}

extension Dimension {
  /// A multiple of the size; unknown if it is not a number.
  fileprivate func times(_ factor: Int) -> Dimension {
    size.map { .size(.work($0, factor)) } ?? .unknown
  }
}
