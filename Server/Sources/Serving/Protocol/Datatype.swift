import ONNX

/// A data type of the Open Inference Protocol, or of Triton's extension of it: `BF16`.
enum Datatype: String, CaseIterable, Sendable {
  case bool = "BOOL"
  case uint8 = "UINT8"
  case uint16 = "UINT16"
  case uint32 = "UINT32"
  case uint64 = "UINT64"
  case int8 = "INT8"
  case int16 = "INT16"
  case int32 = "INT32"
  case int64 = "INT64"
  case fp16 = "FP16"
  case fp32 = "FP32"
  case fp64 = "FP64"
  case bf16 = "BF16"
  case bytes = "BYTES"

  /// The Swift type of the elements.
  var type: any TensorElement.Type {
    switch self {
    case .bool: Bool.self
    case .uint8: UInt8.self
    case .uint16: UInt16.self
    case .uint32: UInt32.self
    case .uint64: UInt64.self
    case .int8: Int8.self
    case .int16: Int16.self
    case .int32: Int32.self
    case .int64: Int64.self
    case .fp16: Float16.self
    case .fp32: Float.self
    case .fp64: Double.self
    case .bf16: BFloat16.self
    case .bytes: String.self
    }
  }

  private static let byElementType = Dictionary(
    uniqueKeysWithValues: allCases.map { ($0.type.elementType, $0) })

  /// The data type of tensors of that element type; `nil` for one that the protocol cannot carry.
  init?(_ elementType: ElementType) {
    guard let datatype = Self.byElementType[elementType] else { return nil }
    self = datatype
  }

  /// The data type of that name.
  /// - Throws: `ServingError` for a name that is none
  init(named name: String) throws(ServingError) {
    guard let datatype = Datatype(rawValue: name) else {
      let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
      throw ServingError(.badRequest, "the datatype \(quoted(name)) is none of \(known)")
    }
    self = datatype
  }
}

/// A text from a request in an error: in quotes, and cut where it is long.
func quoted(_ text: String) -> String {
  let scalars = text.unicodeScalars
  let start = scalars.prefix(100)
  return "'\(String(start))\(start.endIndex == scalars.endIndex ? "" : "…")'"
}

/// Does something, and names what it was about in its error.
func about<R>(_ subject: @autoclosure () -> String, _ body: () throws -> R) throws -> R {
  do { return try body() } catch let error as ServingError {
    throw ServingError(error.status, "\(subject()): \(error.description)")
  }
}
