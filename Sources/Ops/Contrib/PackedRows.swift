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
  /// The inputs with the packed integers and with their float32 scales.
  let codes: Int
  let scales: Int

  /// The zero points of the blocks.
  enum Zeros: Sendable {
    /// The middle of the range for all blocks.
    case middle
    /// Integers packed as the matrix is, each row in whole bytes, in this input.
    case packed(input: Int)
    /// The same for matrices of `rows` rows with one zero point each, each matrix in whole bytes.
    case packedByMatrix(input: Int, rows: Int)
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
    (codes, scales) = (1, 2)
  }

  /// The rows of several matrices, whose sizes were checked.
  init(allRows: Int, depth: Int, block: Int, bits: Int, codes: Int, scales: Int) {
    rows = allRows
    self.depth = depth
    self.block = block
    self.bits = bits
    self.codes = codes
    self.scales = scales
  }

  /// The number of blocks of a row.
  var blocks: Int { (depth + block - 1) / block }
  /// The number of bytes of a block.
  var blob: Int { block * bits / 8 }
  /// The number of bytes of the packed zero points of a row.
  var zeroBytes: Int { (blocks * bits + 7) / 8 }

  /// Writes the numbers of a row.
  /// - Parameter groups: the input with the block of each element; `nil` if they are in order
  func unpack(
    _ row: Int, _ buffers: Buffers, _ zeros: Zeros, groups: Int?,
    _ y: UnsafeMutablePointer<Float>
  ) {
    let source = buffers.input(codes, as: UInt8.self) + row * blocks * blob
    let scales = buffers.input(scales, as: Float.self) + row * blocks
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

  /// Checks the blocks of the elements of a row.
  /// - Throws: `OperatorError.input` for a number that is not that of a block
  func checkGroups(_ groups: UnsafePointer<Int32>, _ input: Int) throws(OperatorError) {
    for k in 0..<depth where !(0..<blocks ~= Int(groups[k])) {
      throw .input(input, "expected numbers below \(blocks), got \(groups[k]) at \(k)")
    }
  }

  private func zero(_ zeros: Zeros, _ row: Int, _ block: Int, _ buffers: Buffers) -> Float {
    switch zeros {
    case .middle: return Float(1 << (bits - 1))
    case .numbers(let input): return buffers.input(input, as: Float.self)[row * blocks + block]
    case .packed(let input):
      return packed(buffers.input(input), row * zeroBytes * 8 + block * bits)
    case .packedByMatrix(let input, let rows):
      let (matrix, row) = row.quotientAndRemainder(dividingBy: rows)
      return packed(buffers.input(input), matrix * ((rows * bits + 7) / 8) * 8 + row * bits)
    }
  }

  /// The integer at a bit.
  private func packed(_ bytes: UnsafePointer<UInt8>, _ bit: Int) -> Float {
    Float(Int(bytes[bit / 8]) >> (bit % 8) & (1 << bits - 1))
  }
}
