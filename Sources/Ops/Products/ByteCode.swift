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
}
