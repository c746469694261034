import ONNXFormat
import ONNXOperators

/// The integer that a byte encodes: `(byte ^ flip) − offset`.
@usableFromInline package struct ByteCode: Sendable {
  @usableFromInline package let flip: UInt8
  @usableFromInline package let offset: Int32

  /// - Returns: `nil` for a type other than int8 and uint8
  package init?(_ type: ElementType) {
    switch type {
    case .int8: (flip, offset) = (0x80, 128)
    case .uint8: (flip, offset) = (0, 0)
    default: return nil
    }
  }

  @inlinable @inline(__always) package func value(_ byte: UInt8) -> Int32 {
    Int32(byte ^ flip) &- offset
  }

  /// `y[i] = x[i] − zero`
  package func widen(
    _ x: UnsafePointer<UInt8>, _ y: UnsafeMutablePointer<Float>, _ count: Int, zero: Int32
  ) {
    let (flip, offset) = (flip, offset &+ zero)
    for i in 0..<count { y[i] = Float(Int32(x[i] ^ flip) &- offset) }
  }

  /// The range of integers minus the zero point. If the zero point is unknown, the ranges for the
  /// least and the largest zero point: one of them gives the largest magnitude of any sum.
  package func spans(zero: Int32?) -> [(low: Int, high: Int)] {
    guard let zero else { return [(-255, 0), (0, 255)] }
    return [(Int(-offset - zero), Int(255 - offset - zero))]
  }
}

/// Constant 8-bit integers with constant zero points.
package struct ByteWeights: Sendable {
  package let tensor: Tensor
  private let code: ByteCode
  /// One zero point per line, or one for all lines.
  private let zeros: [Int32]

  /// - Parameters: the input indices of the integers and of their zero points
  /// - Returns: `nil` if they are not constant
  package init?(_ call: Preparation, _ input: Int, zero: Int?, lines: Int) {
    guard let tensor = call.inputs.constant(input), let code = ByteCode(tensor.elementType) else {
      return nil
    }
    (self.tensor, self.code) = (tensor, code)
    guard let zero else {
      zeros = [0]
      return
    }
    guard let numbers = call.inputs.constant(zero), numbers.elementType == tensor.elementType,
      numbers.count == 1 || numbers.count == lines
    else { return nil }
    zeros = numbers.bits(as: UInt8.self).map(code.value)
  }

  /// The name of the layout: different for different values of the same bytes.
  package var layout: String {
    "\(tensor.elementType) less \(zeros.map(String.init).joined(separator: ","))"
  }

  /// The encoding and the zero point of a line.
  @inline(__always) package func line(_ index: Int) -> (code: ByteCode, zero: Int32) {
    (code, zeros.count == 1 ? zeros[0] : zeros[index])
  }

  /// Writes the magnitudes of the positive and of the negative numbers of a matrix row.
  package func split(
    _ row: UnsafePointer<UInt8>, columns: Int, _ up: UnsafeMutablePointer<Int>,
    _ down: UnsafeMutablePointer<Int>
  ) {
    zeros.withUnsafeBufferPointer { zeros in
      let step = zeros.count == 1 ? 0 : 1
      for column in 0..<columns {
        let number = Int(code.value(row[column]) &- zeros[column &* step])
        up[column] = max(number, 0)
        down[column] = max(0 &- number, 0)
      }
    }
  }

  /// Widens rows of a matrix, each column minus its zero point.
  package func widen(
    _ x: UnsafePointer<UInt8>, rows: Int, columns: Int, _ y: UnsafeMutablePointer<Float>
  ) {
    if zeros.count == 1 { return code.widen(x, y, rows * columns, zero: zeros[0]) }
    zeros.withUnsafeBufferPointer { zeros in
      for first in stride(from: 0, to: rows * columns, by: columns) {
        for column in 0..<columns {
          y[first + column] = Float(code.value(x[first + column]) &- zeros[column])
        }
      }
    }
  }
}
