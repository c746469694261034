/// Where in its `TensorProto` a tensor's elements lie.
struct TensorPayload {
  enum Content { case none, raw(Range<Int>), typed(UInt32), strings }

  let message: Range<Int>
  private var raw: Range<Int>?
  /// The one typed field that is in use.
  private(set) var field: UInt32?
  private(set) var stringCount = 0

  init(message: Range<Int>) { self.message = message }

  var isEmpty: Bool { (raw?.isEmpty ?? true) && field == nil && stringCount == 0 }

  /// - Returns: whether the field holds elements.
  mutating func take(_ field: WireField) throws(FormatError) -> Bool {
    switch field.number {
    case FieldNumber.Tensor.rawData: raw = field.body
    case FieldNumber.Tensor.stringData: stringCount += 1
    case FieldNumber.Tensor.floatData, FieldNumber.Tensor.int32Data, FieldNumber.Tensor.int64Data,
      FieldNumber.Tensor.doubleData, FieldNumber.Tensor.uint64Data:
      guard !field.body.isEmpty else { return true }
      guard self.field ?? field.number == field.number else {
        throw FormatError(.malformed("a tensor has data in two fields", offset: field.start))
      }
      self.field = field.number
    default: return false
    }
    return true
  }

  /// Where the elements of a tensor of that type are.
  /// - Throws: `FormatError` where they lie in two places, or in one that the type does not use.
  func content(_ type: ElementType) throws(FormatError) -> Content {
    let raw = raw.flatMap { $0.isEmpty ? nil : $0 }
    if [raw != nil, field != nil, stringCount > 0].count(where: { $0 }) > 1 {
      throw FormatError(.invalid("it has data in two places"))
    }
    if let raw {
      guard type != .string else {
        throw FormatError(.invalid("raw data cannot hold strings"))
      }
      return .raw(raw)
    }
    if let field {
      guard field == type.typedField else {
        throw FormatError(.invalid("elements of \(type) cannot lie in field \(field)"))
      }
      return .typed(field)
    }
    if stringCount > 0 {
      guard type == .string else {
        throw FormatError(.invalid("elements of \(type) cannot lie in string_data"))
      }
      return .strings
    }
    return .none
  }
}

extension ElementType {
  /// The field of `TensorProto` that holds elements of this type one by one.
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
