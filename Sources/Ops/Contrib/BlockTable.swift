import ONNXFormat
import ONNXOperators

/// A tensor of numbers of at most 8 bits in input 0, with the scales of its blocks in input 2 and their
/// zero points in input 3.
struct BlockTable: Sendable {
  private let sizes: [Int]
  /// The step between the scales of neighbours along each axis; 0 if they share a scale.
  private let steps: [Int]
  private let axis: Int
  private let block: Int
  private let codes: PackedCodes
  private let hasZeros: Bool
  /// The number of blocks along the axis.
  private let blocks: Int

  init(
    sizes: [Int], scales: [Int], axis: Int, block: Int, codes: PackedCodes, hasZeros: Bool
  ) {
    self.sizes = sizes
    self.axis = axis
    self.block = block
    self.codes = codes
    self.hasZeros = hasZeros
    blocks = scales[axis]
    var steps = [Int](repeating: 0, count: sizes.count)
    var step = 1
    for index in sizes.indices.reversed() {
      if scales[index] != 1 || index == axis { steps[index] = step }
      step = Int.work(step, scales[index])
    }
    self.steps = steps
  }

  /// Dequantises `count` elements from `first` on.
  func read(_ first: Int, _ count: Int, _ buffers: Buffers, _ y: UnsafeMutablePointer<Float>) {
    let data = buffers.input(0, as: UInt8.self)
    let scales = buffers.input(2, as: Float.self)
    let last = sizes.count - 1
    let isLast = axis == last
    var done = 0
    while done < count {
      var (rest, scale) = (first + done, 0)
      var place = 0
      for index in sizes.indices.reversed() {
        let position = rest % sizes[index]
        rest /= sizes[index]
        if index == last { place = position }
        scale += (index == axis ? position / block : position) * steps[index]
      }
      // The elements up to the end of the block or of the last axis.
      let end = isLast ? min(sizes[last], (place / block + 1) * block) : sizes[last]
      let run = min(count - done, end - place)
      let step = isLast ? 0 : steps[last]
      for i in 0..<run {
        let index = scale + i * step
        y[done + i] =
          (codes.value(data, first + done + i) - zero(index, buffers)) * scales[index]
      }
      done += run
    }
  }

  /// The zero point of the block with this scale. Packed ones fill whole bytes for each row.
  @inline(__always)
  private func zero(_ scale: Int, _ buffers: Buffers) -> Float {
    guard hasZeros else { return codes.middle }
    let zeros = buffers.input(3, as: UInt8.self)
    guard codes.bits < 8 else { return codes.value(zeros, scale) }
    let each = 8 / codes.bits
    let (row, column) = scale.quotientAndRemainder(dividingBy: blocks)
    return codes.value(zeros, row * ((blocks + each - 1) / each * each) + column)
  }
}

/// Numbers of at most 8 bits in memory: in uint8, several in a byte, from the lowest bits on; in other
/// types, one in a byte.
struct PackedCodes: Sendable {
  let bits: Int
  /// The zero point if none is given.
  let middle: Float
  private let values: [Float]

  init(_ type: ElementType, bits: Int) {
    self.bits = bits
    middle = type == .uint8 ? Float(1 << (bits - 1)) : 0
    values = (0...255).map { (code: UInt8) in
      switch type {
      case .int8, .int4: Float(Int8(bitPattern: code))
      case .float8e4m3fn: Float8E4M3FN(bits: code).float
      case .float8e4m3fnuz: Float8E4M3FNUZ(bits: code).float
      case .float8e5m2: Float8E5M2(bits: code).float
      case .float8e5m2fnuz: Float8E5M2FNUZ(bits: code).float
      case .float4e2m1: Float4E2M1(bits: code & 15).float
      default: Float(code)
      }
    }
  }

  /// The number at an index.
  @inline(__always)
  func value(_ data: UnsafePointer<UInt8>, _ index: Int) -> Float {
    guard bits < 8 else { return values[Int(data[index])] }
    let bit = index * bits
    return values[Int(data[bit / 8]) >> (bit % 8) & (1 << bits - 1)]
  }
}
