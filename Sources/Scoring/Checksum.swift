internal import CZlib
import ONNXFormat
import ONNXSupport
import ONNXTraining

/// The CRC-32 of bytes.
func checksum(_ bytes: [UInt8], after: UInt = 0) -> UInt {
  bytes.withUnsafeBufferPointer { crc32_z(after, $0.baseAddress, $0.count) }
}

/// The checksum and size of a file, as a text that tells it from other files.
package func fingerprint(ofFile path: String) throws -> String {
  let file = try DataFile(path)
  var sum: UInt = 0
  var size = 0
  var piece = [UInt8](repeating: 0, count: 1 << 20)
  while true {
    let count = try piece.withUnsafeMutableBytes { try file.read(into: $0) }
    if count == 0 { break }
    sum = checksum(count == piece.count ? piece : Array(piece.prefix(count)), after: sum)
    size += count
  }
  return "\(size) bytes, CRC-32 " + String(sum, radix: 16)
}

/// The checksum of the elements of tensors, apart from strings.
package func checksum(of tensors: [Tensor]) -> String {
  var sum: UInt = 0
  for tensor in tensors where tensor.elementType != .string {
    tensor.withUnsafeBytes { bytes in
      sum = crc32_z(sum, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    }
  }
  return "CRC-32 " + String(sum, radix: 16)
}
