import CKernels
import ONNXOperators

/// The layout of a matrix `[rows, depth]` of unsigned integers of 2, 4 or 8 bits, quantised in blocks
/// along its rows and packed from the lowest bits of each byte on.
struct PackedRows: Sendable {
  let rows: Int
  let depth: Int
  /// The number of elements of a block.
  let block: Int
  let bits: Int

  /// The zero points of the blocks.
  enum Zeros: Sendable {
    /// The middle of the range for all blocks.
    case middle
    /// Integers packed as the matrix is, each row in whole bytes, in this input.
    case packed(input: Int)
    /// A float32 for each block, in this input.
    case numbers(input: Int)
  }

  /// - Throws: `OperatorError.attribute` for sizes that no matrix has
  init(rows: Int, depth: Int, block: Int, bits: Int) throws(OperatorError) {
    for (name, size) in [("N", rows), ("K", depth)] where !(1...1 << 31 ~= size) {
      throw .attribute(name, "expected a positive size, got \(size)")
    }
    guard 16...1 << 31 ~= block, block & (block - 1) == 0 else {
      throw .attribute("block_size", "expected a power of 2 from 16 on, got \(block)")
    }
    self.rows = rows
    self.depth = depth
    self.block = block
    self.bits = bits
  }

  /// The number of blocks of a row.
  var blocks: Int { (depth + block - 1) / block }
  /// The number of bytes of a block.
  var blob: Int { block * bits / 8 }
  /// The number of bytes of the packed zero points of a row.
  var zeroBytes: Int { (blocks * bits + 7) / 8 }

  /// Writes the numbers of a row, from integers in input 1 and float32 scales in input 2.
  /// - Parameter groups: the input with the block of each element; `nil` if they are in order
  func unpack(
    _ row: Int, _ buffers: Buffers, _ zeros: Zeros, groups: Int?,
    _ y: UnsafeMutablePointer<Float>
  ) {
    let source = buffers.input(1, as: UInt8.self) + row * blocks * blob
    let scales = buffers.input(2, as: Float.self) + row * blocks
    if let groups {
      let groups = buffers.input(groups, as: Int32.self)
      ck_unpack(source, Int32(bits), 0, 1, y, depth)
      for k in 0..<depth {
        let block = Int(groups[k])
        y[k] = (y[k] - zero(zeros, row, block, buffers)) * scales[block]
      }
      return
    }
    for index in 0..<blocks {
      ck_unpack(
        source + index * blob, Int32(bits), zero(zeros, row, index, buffers), scales[index],
        y + index * block, min(block, depth - index * block))
    }
  }

  private func zero(_ zeros: Zeros, _ row: Int, _ block: Int, _ buffers: Buffers) -> Float {
    switch zeros {
    case .middle: return Float(1 << (bits - 1))
    case .numbers(let input): return buffers.input(input, as: Float.self)[row * blocks + block]
    case .packed(let input):
      let byte = buffers.input(input, as: UInt8.self)[row * zeroBytes + block * bits / 8]
      return Float(Int(byte) >> (block * bits % 8) & (1 << bits - 1))
    }
  }
}
