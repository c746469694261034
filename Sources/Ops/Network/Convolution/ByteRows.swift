import ONNXFormat
import ONNXOperators
import ONNXProducts

/// What an 8-bit convolution adds to the sums of each output channel. The kernels multiply unsigned
/// elements of the image by signed weights; other types are moved by 128, and so are their zero
/// points.
struct ByteRows: Sendable {
  let results: ByteResults
  let codes: (x: ByteCode, w: ByteCode)
  /// Whether the zero points of the signed weights may differ from 0.
  let hasZeros: Bool
  private let maps: Int
  private let numberX: Int?
  private let zeroW: QuantizationParameter

  init(
    _ operands: QuantizedWindows, _ call: Preparation, codes: (x: ByteCode, w: ByteCode),
    _ results: ByteResults
  ) {
    self.results = results
    self.codes = codes
    maps = operands.geometry.groups * operands.geometry.maps
    numberX = operands.zeroX.input
    zeroW = operands.zeroW
    let center = codes.w.flip ^ 0x80
    if let input = zeroW.input {
      hasZeros = call.inputs.constant(input)?.bits(as: UInt8.self).contains { $0 != center } ?? true
    } else {
      hasZeros = center != 0
    }
  }

  /// The zero point of the unsigned image.
  func zeroX(_ buffers: Buffers) -> UInt8 {
    (numberX.map { buffers.input($0, as: UInt8.self)[0] } ?? 0) ^ codes.x.flip
  }

  /// Writes the first terms of the sums, the zero points of the weights and the factors of the
  /// sums for each output channel: `Σ (x − zx) · (w − zw) = Σ x · w − zx · Σ w + n · zx · zw − zw ·
  /// Σ x`.
  func prepare(
    _ buffers: Buffers, depth: Int, sums: UnsafePointer<Int32>,
    start: UnsafeMutablePointer<Int32>, zero: UnsafeMutablePointer<Int32>,
    scale: UnsafeMutablePointer<Float>
  ) {
    let zeroX = Int32(zeroX(buffers))
    let numbers = zeroW.pointer(buffers, as: UInt8.self)
    let terms = Int32(truncatingIfNeeded: depth)
    // The offset of the signed weights: 0 for int8, 128 for uint8.
    let shift = 128 - codes.w.offset
    for map in 0..<maps {
      zero[map] = codes.w.value(zeroW.code(numbers, map)) - shift
      start[map] = (terms &* zeroX &* zero[map]) &- (zeroX &* sums[map])
    }
    results.prepare(buffers, maps: maps, start: start, scale: scale)
  }
}
