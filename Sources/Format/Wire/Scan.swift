internal import COnnx
import Glibc

/// A check of a whole message before anything is unpacked: of the depth of nesting, the lengths and
/// types of fields, the text, and an upper bound of the memory that the unpacked message takes.
///
/// It is needed because protobuf-c recurses without a limit and turns an empty message of 2 bytes into
/// 250 bytes of memory. The scan itself does not recurse, and skips the elements of tensors.
struct Scan {
  private struct Frame {
    var message: MessageDescriptor
    /// The offset of the field that holds the message.
    var start: Int
    /// The offset of the message's end.
    var end: Int
    /// Whether no field that the standard defines has occurred yet.
    var isEmpty = true
    /// A bit for each submessage that has occurred and is not repeated.
    var met: UInt64 = 0
    var dimensions = 0
  }

  private let source: ByteSource
  private let limits: ReadingLimits
  private var frames: [Frame] = []
  private let types = Types()

  /// The messages with rules of their own.
  private struct Types {
    let tensor = onnx_tensor_proto()
    let sparseTensor = onnx_sparse_tensor_proto()
    let shape = onnx_tensor_shape_proto()
    let attribute = onnx_attribute_proto()
    /// Messages in lists that must have a field.
    let notEmpty: Set<MessageDescriptor?> = [
      onnx_node_proto(), onnx_attribute_proto(), onnx_tensor_proto(), onnx_sparse_tensor_proto(),
      onnx_value_info_proto(), onnx_string_string_entry_proto(), onnx_function_proto(),
      onnx_operator_set_id_proto(), onnx_tensor_annotation(), onnx_device_configuration_proto(),
      onnx_node_device_configuration_proto(), onnx_training_info_proto(),
    ]
  }

  private init(_ source: ByteSource, limits: ReadingLimits) {
    self.source = source
    self.limits = limits
  }

  /// Checks the message that fills the source, and takes its memory from the budget.
  static func check<M: CMessage>(
    _ message: M.Type, in source: ByteSource, limits: ReadingLimits, budget: inout MemoryBudget
  ) throws(FormatError) {
    var scan = Scan(source, limits: limits)
    try scan.run(M.descriptor, budget: &budget)
  }

  private mutating func run(_ message: MessageDescriptor, budget: inout MemoryBudget)
    throws(FormatError)
  {
    frames.append(Frame(message: message, start: 0, end: source.count))
    var position = 0
    while var frame = frames.popLast() {
      var inner: Frame?
      while position < frame.end, inner == nil {
        let field = try source.field(at: &position, end: frame.end)
        guard let known = frame.message.field(field.number) else { continue }
        frame.isEmpty = false
        if field.type == .bytes, let message = known.message {
          try enter(message, field, known, &frame)
          try budget.take(memory(of: message))
          position = field.body.lowerBound
          inner = Frame(message: message, start: field.start, end: field.body.upperBound)
        } else {
          try budget.take(try check(field, known, &frame))
        }
      }
      if let inner {
        frames.append(frame)
        frames.append(inner)
      } else if frame.isEmpty, types.notEmpty.contains(frame.message) {
        throw FormatError(.malformed("an empty \(frame.message.name)", offset: frame.start))
      }
    }
  }

  /// The memory of a message without its fields, in bytes. protobuf-c's struct is at least as large as
  /// the IR's.
  private func memory(of message: MessageDescriptor) -> Int {
    Int(message.pointee.sizeof_message) + 32
  }

  private func enter(
    _ message: MessageDescriptor, _ field: WireField,
    _ known: UnsafePointer<ProtobufCFieldDescriptor>, _ frame: inout Frame
  ) throws(FormatError) {
    guard frames.count < limits.nesting else {
      throw FormatError(
        .limit(
          "messages are nested deeper than \(limits.nesting), at byte \(field.start)"))
    }
    if !known.isRepeated {
      let bit: UInt64 = 1 << UInt64(known - frame.message.pointee.fields)
      if frame.met & bit != 0 {
        throw FormatError(
          .malformed("\(frame.message.name) has '\(known.name)' twice", offset: field.start))
      }
      frame.met |= bit
    }
    if frame.message == types.shape { try count(1, in: &frame, field) }
  }

  private func count(_ dimensions: Int, in frame: inout Frame, _ field: WireField)
    throws(FormatError)
  {
    frame.dimensions += dimensions
    if frame.dimensions > limits.rank {
      throw FormatError(
        .limit("a tensor has more than \(limits.rank) dimensions, at byte \(field.start)"))
    }
  }

  /// Checks a field that is not a message.
  /// - Returns: the memory that its value takes, in bytes.
  private func check(
    _ field: WireField, _ known: UnsafePointer<ProtobufCFieldDescriptor>, _ frame: inout Frame
  ) throws(FormatError) -> Int {
    let isTensor = frame.message == types.tensor
    let isPacked = field.type == .bytes && known.isRepeated && known.wireType != .bytes
    guard field.type == known.wireType || isPacked else {
      throw FormatError(
        .malformed(
          "field '\(known.name)' of \(frame.message.name) has the wrong wire type",
          offset: field.start))
    }
    if isTensor && isPayload(field.number) { return 0 }
    if isPacked {
      let count = try countPacked(field, known.wireType)
      if field.number == dimensionsField(of: frame.message) {
        try self.count(count, in: &frame, field)
      }
      return count * Self.size(of: known)
    }
    switch known.pointee.type {
    case PROTOBUF_C_TYPE_STRING:
      try checkText(field, known)
      // A Swift string holds up to 15 bytes without an allocation.
      return (known.isRepeated ? 16 : 0) + (field.body.count > 15 ? 32 + field.body.count : 0)
    case PROTOBUF_C_TYPE_BYTES: return 48 + field.body.count
    default:
      if field.number == dimensionsField(of: frame.message) {
        try self.count(1, in: &frame, field)
      }
      return known.isRepeated ? Self.size(of: known) : 0
    }
  }

  private static func size(of number: UnsafePointer<ProtobufCFieldDescriptor>) -> Int {
    number.wireType == .fixed32 ? 4 : 8
  }

  private func isPayload(_ number: UInt32) -> Bool {
    switch number {
    case FieldNumber.Tensor.rawData, FieldNumber.Tensor.floatData, FieldNumber.Tensor.int32Data,
      FieldNumber.Tensor.int64Data, FieldNumber.Tensor.doubleData, FieldNumber.Tensor.uint64Data,
      FieldNumber.Tensor.stringData:
      true
    default: false
    }
  }

  private func dimensionsField(of message: MessageDescriptor) -> UInt32? {
    message == types.tensor
      ? FieldNumber.Tensor.dims
      : message == types.sparseTensor ? FieldNumber.SparseTensor.dims : nil
  }

  private func countPacked(_ field: WireField, _ type: WireType) throws(FormatError) -> Int {
    guard type == .varint else {
      let size = type == .fixed32 ? 4 : 8
      guard field.body.count.isMultiple(of: size) else {
        throw FormatError(
          .malformed("a packed list ends within a number", offset: field.start))
      }
      return field.body.count / size
    }
    return try source.countVarints(in: field.body)
  }

  /// Refuses text with a NUL, since protobuf-c turns text into C strings, and text that is not UTF-8.
  private func checkText(
    _ field: WireField, _ known: UnsafePointer<ProtobufCFieldDescriptor>
  ) throws(FormatError) {
    guard !field.body.isEmpty else { return }
    let piece = try source.piece(field.body)
    let isValid: Bool
    if piece.count == field.body.count {
      isValid = piece.isText
    } else {
      let bytes = try source.bytes(field.body)
      isValid = bytes.withUnsafeBytes { $0.isText }
    }
    guard isValid else {
      throw FormatError(
        .malformed(
          "the text of '\(known.name)' contains a NUL character or is not UTF-8",
          offset: field.start))
    }
  }
}

extension UnsafeRawBufferPointer {
  /// Whether these bytes are UTF-8 without a NUL.
  var isText: Bool {
    guard let baseAddress else { return true }
    if memchr(baseAddress, 0, count) != nil { return false }
    var bits: UInt64 = 0
    var offset = 0
    while offset &+ 8 <= count {
      bits |= loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      offset &+= 8
    }
    while offset < count {
      bits |= UInt64(self[offset]) &* 0x0101_0101_0101_0101
      offset &+= 1
    }
    return bits & 0x8080_8080_8080_8080 == 0 || isUTF8
  }

  /// Whether these bytes are UTF-8.
  var isUTF8: Bool { String(validating: self, as: UTF8.self) != nil }
}
