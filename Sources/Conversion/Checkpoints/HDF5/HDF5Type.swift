import ONNX

/// The element type of a dataset: numbers in either byte order.
struct HDF5Type: Sendable {
  var elementType: ElementType
  var isBigEndian = false

  /// Reads a datatype message.
  /// - Throws: `FormatError` that names a type without an equivalent
  init(_ message: HDF5Cursor) throws(FormatError) {
    var cursor = message
    let head = try cursor.int(1)
    let bits = try cursor.int(3)
    let size = try cursor.int(4)
    switch head & 0xF {
    case 0:
      let signed: [Int: ElementType] = [1: .int8, 2: .int16, 4: .int32, 8: .int64]
      let unsigned: [Int: ElementType] = [1: .uint8, 2: .uint16, 4: .uint32, 8: .uint64]
      let offset = try cursor.int(2)
      guard offset == 0, try cursor.int(2) == 8 * size,
        let type = bits & 8 != 0 ? signed[size] : unsigned[size]
      else { throw FormatError(.unsupported("HDF5 integers of \(size) bytes with padding")) }
      elementType = type
      isBigEndian = bits & 1 != 0
    case 1:
      try cursor.skip(4)
      let exponent = [try cursor.int(1), try cursor.int(1)]
      let mantissa = [try cursor.int(1), try cursor.int(1)]
      switch (size, exponent, mantissa) {
      case (2, [10, 5], [0, 10]): elementType = .float16
      case (2, [7, 8], [0, 7]): elementType = .bfloat16
      case (4, [23, 8], [0, 23]): elementType = .float32
      case (8, [52, 11], [0, 52]): elementType = .float64
      default:
        throw FormatError(
          .unsupported(
            "HDF5 floating-point numbers of \(size) bytes with \(exponent[1])-bit exponents"))
      }
      guard bits & 0x40 == 0 else { throw FormatError(.unsupported("VAX numbers")) }
      isBigEndian = bits & 1 != 0
    case 4 where size == 1: elementType = .uint8
    // h5py writes bfloat16, which HDF5 lacks, as two bytes without a meaning.
    case 5 where size == 2: elementType = .bfloat16
    // h5py writes bool as an enumeration of int8.
    case 8 where size == 1 && bits == 2: elementType = .bool
    case let kind:
      let names = [
        2: "times", 3: "strings", 4: "bit fields", 5: "opaque data", 6: "records (complex numbers)",
        7: "references", 8: "enumerations", 9: "lists of variable length", 10: "arrays",
      ]
      throw FormatError(.unsupported("HDF5 datasets of \(names[kind] ?? "type \(kind)")"))
    }
  }
}
