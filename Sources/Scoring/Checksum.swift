import ONNXFormat
import ONNXSupport
import ONNXTraining

/// The checksum and size of a file, as a text that tells it from other files.
package func fingerprint(ofFile path: String) throws -> String {
  let file = try DataFile(path)
  var sum: UInt32 = 0
  var size = 0
  var piece = [UInt8](repeating: 0, count: 1 << 20)
  while true {
    let count = try piece.withUnsafeMutableBytes { try file.read(into: $0) }
    if count == 0 { break }
    sum = piece[..<count].withUnsafeBytes { crc(sum, $0) }
    size += count
  }
  return "\(size) bytes, CRC-32 " + String(sum, radix: 16)
}

/// The checksum of the elements of tensors, apart from strings.
package func checksum(of tensors: [Tensor]) -> String {
  var sum: UInt32 = 0
  for tensor in tensors where tensor.elementType != .string {
    tensor.withUnsafeBytes { sum = crc(sum, $0) }
  }
  return "CRC-32 " + String(sum, radix: 16)
}
