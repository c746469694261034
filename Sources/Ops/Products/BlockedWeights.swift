import ONNXFormat
import ONNXOperators

extension QuantizedSite {
  /// The product of input 0 with a constant matrix of 4-bit integers whose scales belong to blocks of
  /// rows, as a node that reads the packed integers; `nil` for another matrix.
  func blockedProduct(_ builder: inout GraphBuilder) -> String? {
    guard input(0) == nil || byteInput(0) != nil, let w = input(1),
      w.elementType == .int4 || w.elementType == .uint4, let codes = constant(w.codes),
      codes.shape.count == 2, w.notation.axis == 0 || w.notation.axis == -2,
      let type = type(node.inputs[0])?.tensorType?.elementType, type == .float32,
      let packed = BlockedWeights(w, codes)
    else { return nil }
    var inputs = [
      node.inputs[0], builder.constant(packed.codes, hint: "codes"),
      builder.constant(packed.scales, hint: "scales"),
    ]
    if let zeros = packed.zeros { inputs.append(builder.constant(zeros, hint: "zeros")) }
    let attributes: [Attribute] = [
      .int("K", codes.shape[0]), .int("N", codes.shape[1]), .int("bits", 4),
      .int("block_size", w.notation.block),
    ]
    return builder.node(
      "MatMulNBits", inputs, attributes, domain: "com.microsoft", operatorSet: 1)
  }
}

/// A matrix `[K, N]` of 4-bit integers in blocks of rows, packed as `MatMulNBits` takes it.
private struct BlockedWeights {
  /// uint8 `[N, blocks, block / 2]`.
  let codes: Tensor
  /// float32 `[N, blocks]`.
  let scales: Tensor
  /// uint8 `[N, (blocks + 1) / 2]`; `nil` if all are 8.
  let zeros: Tensor?

  /// - Returns: `nil` for a block size that `MatMulNBits` does not take, or for lack of memory
  init?(_ w: QuantizedValue, _ matrix: Tensor) {
    let (depth, columns, block) = (matrix.shape[0], matrix.shape[1], w.notation.block)
    guard depth > 0, columns > 0, 16...1 << 16 ~= block, block & (block - 1) == 0 else {
      return nil
    }
    let blocks = (depth + block - 1) / block
    guard w.scales.shape == [blocks, columns] else { return nil }
    // Signed integers are stored 8 higher.
    let flip: UInt8 = w.elementType == .int4 ? 8 : 0
    let source = matrix.bits(as: UInt8.self)
    guard
      let codes = try? Tensor(
        UInt8.self, shape: [columns, blocks, block / 2],
        initializedBy: { bytes in
          bytes.initialize(repeating: 0)
          for k in 0..<depth {
            let (place, shift) = (k / 2, UInt8(k % 2 * 4))
            for column in 0..<columns {
              let code = (source[k * columns + column] & 15) ^ flip
              bytes[column * blocks * block / 2 + place] |= code << shift
            }
          }
        }),
      let scales = try? Tensor(
        Float.self, shape: [columns, blocks],
        initializedBy: { numbers in
          let source = w.scales.elements(as: Float.self)
          for place in 0..<blocks * columns {
            numbers[place % columns * blocks + place / columns] = source[place]
          }
        })
    else { return nil }
    self.codes = codes
    self.scales = scales
    let given = w.zeroPoints?.bits(as: UInt8.self)
    func zero(_ block: Int, _ column: Int) -> UInt8 {
      ((given?[block * columns + column] ?? 0) & 15) ^ flip
    }
    if flip == 8, w.isSymmetric {
      zeros = nil
      return
    }
    let bytes = (blocks + 1) / 2
    guard
      let zeros = try? Tensor(
        UInt8.self, shape: [columns, bytes],
        initializedBy: { packed in
          packed.initialize(repeating: 0)
          for column in 0..<columns {
            for block in 0..<blocks {
              packed[column * bytes + block / 2] |= zero(block, column) << UInt8(block % 2 * 4)
            }
          }
        })
    else { return nil }
    self.zeros = zeros
  }
}
