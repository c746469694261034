/// The fields of a `TensorProto` that hold its elements.
struct TensorPayload {
  enum Content { case none, raw(Range<Int>), typed(UInt32), strings }

  let message: Range<Int>
  private var raw: Range<Int>?
  /// The number of the typed field that holds elements.
  private(set) var field: UInt32?
  private(set) var stringCount = 0

  init(message: Range<Int>) { self.message = message }

  var isEmpty: Bool { (raw?.isEmpty ?? true) && field == nil && stringCount == 0 }

  /// Notes a field.
  /// - Returns: whether it holds elements.
  mutating func take(_ field: WireField) throws(FormatError) -> Bool {
    switch field.number {
    case FieldNumber.Tensor.rawData: raw = field.body
    case FieldNumber.Tensor.stringData: stringCount += 1
    case FieldNumber.Tensor.floatData, FieldNumber.Tensor.int32Data, FieldNumber.Tensor.int64Data,
      FieldNumber.Tensor.doubleData, FieldNumber.Tensor.uint64Data:
      guard !field.body.isEmpty else { return true }
      guard self.field ?? field.number == field.number else {
        throw FormatError(
          .malformed("a tensor has elements in two typed fields", offset: field.start))
      }
      self.field = field.number
    default: return false
    }
    return true
  }

  /// The place of the elements, if they are of that type.
  /// - Throws: `FormatError` if there are several, or if the type does not use it.
  func content(_ type: ElementType) throws(FormatError) -> Content {
    let raw = raw.flatMap { $0.isEmpty ? nil : $0 }
    if [raw != nil, field != nil, stringCount > 0].count(where: { $0 }) > 1 {
      throw FormatError(
        .invalid("it has elements in several places: raw data, a typed field or string data"))
    }
    if let raw {
      guard type != .string else {
        throw FormatError(.invalid("raw_data cannot hold strings; they belong in string_data"))
      }
      return .raw(raw)
    }
    if let field {
      guard field == type.typedField else {
        throw FormatError(.invalid("field \(field) cannot hold elements of \(type)"))
      }
      return .typed(field)
    }
    if stringCount > 0 {
      guard type == .string else {
        throw FormatError(.invalid("string_data cannot hold elements of \(type)"))
      }
      return .strings
    }
    return .none
  }
}

extension ElementType {
  /// The number of the field of `TensorProto` that holds elements of this type, other than `raw_data`.
  var typedField: UInt32? {
    switch self {
    case .undefined, .string: nil
    case .float32, .complex64: FieldNumber.Tensor.floatData
    case .float64, .complex128: FieldNumber.Tensor.doubleData
    case .int64: FieldNumber.Tensor.int64Data
    case .uint32, .uint64: FieldNumber.Tensor.uint64Data
    default: FieldNumber.Tensor.int32Data
    }
  }
}
